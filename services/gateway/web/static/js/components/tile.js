import { html } from "../app/view.js";
import { asHeard, colourOf, hash, numbersFrom } from "../app/sound.js";

const SIDE = 100;
const STEPS = 12;

/** One rolling line across the tile, closed at the foot: a sine, as cubic curves that keep its slope at every joint. */
function hill(base, height, cycles, phase) {
  const turn = (cycles * 2 * Math.PI) / SIDE;
  const y = (x) => base - height * Math.sin(x * turn + phase);
  const slope = (x) => -height * turn * Math.cos(x * turn + phase);
  const step = SIDE / STEPS;
  let path = `M0 ${SIDE}V${y(0).toFixed(1)}`;
  for (let from = 0, i = 0; i < STEPS; i += 1, from += step) {
    const to = from + step;
    const points = [from + step / 3, y(from) + (slope(from) * step) / 3, to - step / 3, y(to) - (slope(to) * step) / 3, to, y(to)];
    path += `C${points.map((n) => n.toFixed(1)).join(" ")}`;
  }
  return `${path}V${SIDE}Z`;
}

/**
 * The picture of a song that has none: a landscape under a sun. Colour comes from mood and energy, the number of
 * hills from the tempo, their height from the energy, the light from the brightness; only the lie of the land is chance,
 * and always the same for one song.
 */
function landscape(track) {
  const random = numbersFrom(hash(track.id));
  const strip = asHeard(track.mood_strip) ?? { tempo: 0.35, energy: 0.3, brightness: 0.4, mood: 0.5 };
  const cycles = 0.6 + strip.tempo * 2;
  const height = 4 + strip.energy * 14;
  const hills = [46, 64, 82].map((base, i) => hill(base + random() * 6, height * (1 - i * 0.2), cycles * (1 + i * 0.25), random() * 6.28));
  return { hills, sun: { x: 18 + random() * 64, y: 14 + random() * 26, r: 6 + strip.brightness * 10 }, light: strip.brightness };
}

/** The generated cover of a song. `children` lie on top, such as a play button. */
export function Tile({ track, size = "small", children }) {
  const { hills, sun, light } = landscape(track);
  const colour = colourOf(track.mood_strip);
  const sky = { "--hue": colour?.hue ?? 190, "--chroma": colour?.chroma ?? 0.012, "--light": `${Math.round(48 + light * 20)}%` };
  return html`<div class="tile tile-${size}" style=${sky}>
    <svg viewBox="0 0 100 100" preserveAspectRatio="none" aria-hidden="true" focusable="false">
      <circle cx=${sun.x} cy=${sun.y} r=${sun.r} class="tile-sun" />
      ${hills.map((path, i) => html`<path d=${path} class="tile-hill-${i}" />`)}
    </svg>
    ${children}
  </div>`;
}
