import { html } from "../app/view.js";
import { DIMENSIONS, asHeard, colourOf, inWords } from "../app/sound.js";

const FLOOR = 0.1;

function tint(strip) {
  const colour = colourOf(strip);
  return { "--hue": colour?.hue ?? 190, "--chroma": colour?.chroma ?? 0 };
}

/** Four bars that look alike for songs that sound alike: tempo, energy, brightness, mood. */
export function SoundStrip({ strip }) {
  const words = inWords(strip);
  const heard = asHeard(strip);
  return html`<span class="strip ${strip ? "" : "strip-none"}" role="img" aria-label="Sound: ${words}" title=${words} style=${tint(strip)}>
    ${DIMENSIONS.map(({ name }) => html`<i key=${name} style=${{ "--value": heard ? FLOOR + heard[name] * (1 - FLOOR) : FLOOR }} />`)}
  </span>`;
}

/** The same four as lines between two words, for the page of one song. */
export function SoundScales({ strip }) {
  const heard = asHeard(strip);
  return html`<dl class="scales" style=${tint(strip)}>
    ${DIMENSIONS.map(
      ({ name, label, low, high }) => html`<div key=${name} class="scale">
        <dt>${label}</dt>
        <dd>
          <span>${low}</span>
          <span class="scale-line" role="img" aria-label="${Math.round(heard[name] * 100)} of 100"><i style=${{ "--value": heard[name] }} /></span>
          <span>${high}</span>
        </dd>
      </div>`,
    )}
  </dl>`;
}
