import { html } from "../app/view.js";
import { bpm } from "../app/format.js";

const WIDE = 640;
const HIGH = 120;
const ROOM = 6;
const MOST_POINTS = 160;

/** Means of neighbouring songs, where there are more songs than points. */
function thinned(tracks) {
  const known = tracks.filter((track) => track.analysis);
  const size = Math.max(1, Math.ceil(known.length / MOST_POINTS));
  const mean = (list) => (list.length ? list.reduce((sum, one) => sum + one, 0) / list.length : null);
  return Array.from({ length: Math.ceil(known.length / size) }, (_, i) => {
    const part = known.slice(i * size, (i + 1) * size);
    return { tempo: mean(part.map((track) => track.analysis.tempo_bpm).filter(Boolean)), energy: mean(part.map((track) => track.analysis.energy)) };
  });
}

function path(values, low, high) {
  const y = (value) => HIGH - ROOM - ((value - low) / Math.max(high - low, 1e-6)) * (HIGH - 2 * ROOM);
  let drawn = "";
  values.forEach((value, i) => {
    if (value !== null) drawn += `${drawn ? "L" : "M"}${(ROOM + (i / Math.max(values.length - 1, 1)) * (WIDE - 2 * ROOM)).toFixed(1)} ${y(value).toFixed(1)}`;
  });
  return drawn;
}

const half = (values, second) => {
  const known = values.filter((value) => value !== null);
  const part = second ? known.slice(Math.floor(known.length / 2)) : known.slice(0, Math.ceil(known.length / 2));
  return part.reduce((sum, one) => sum + one, 0) / Math.max(part.length, 1);
};

/** "rises", "falls" or "stays level", from the first half to the second. */
function trend(values, enough) {
  const by = half(values, true) - half(values, false);
  return Math.abs(by) < enough ? "stays level" : by > 0 ? "rises" : "falls";
}

/** How tempo and energy go from the first song to the last. */
export function PlaylistLine({ tracks }) {
  const points = thinned(tracks);
  if (points.length < 3) return null;
  const tempi = points.map((point) => point.tempo);
  const energies = points.map((point) => point.energy);
  const known = tempi.filter((tempo) => tempo !== null);
  const [slow, fast] = known.length ? [Math.min(...known), Math.max(...known)] : [0, 0];
  const steady = known.length > 2;
  const tempo = steady ? `the tempo ${trend(tempi, 6)}, between ${bpm(slow)} and ${bpm(fast)} BPM, and ` : "";
  const words = `From the first song to the last ${tempo}the energy ${trend(energies, 0.05)}.`;
  return html`<figure class="playlist-line card">
    <figcaption class="legend">${steady && html`<span class="legend-item line-tempo"><i />Tempo, ${bpm(slow)} to ${bpm(fast)} BPM</span>`}<span class="legend-item line-energy"><i />Energy, gentle to intense</span></figcaption>
    <svg viewBox="0 0 ${WIDE} ${HIGH}" preserveAspectRatio="none" role="img" aria-label=${words}>
      <path class="line-energy" d=${path(energies, 0, 1)} />
      ${steady && html`<path class="line-tempo" d=${path(tempi, Math.min(slow, 60), Math.max(fast, 160))} />`}
    </svg>
    <p class="playlist-line-ends" aria-hidden="true"><span>first song</span><span>last song</span></p>
  </figure>`;
}
