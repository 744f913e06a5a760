import { html } from "../app/view.js";
import { percent } from "../app/format.js";
import { standing, tagName } from "../app/sound.js";

const FAMILIES = { genre: "Genre", mood: "Mood", instrument: "Instrument", voice: "Voice", era: "Era", other: "Other" };

const Chip = ({ tag }) => html`<span class="chip family-${tag.family}">${tagName(tag.label)}</span>`;

/** The few tags that set a song apart. */
export const Chips = ({ tags }) => html`<span class="chips">${tags.map((tag) => html`<${Chip} key=${tag.tag} tag=${tag} />`)}</span>`;

/** Tags as bars, the hue of the family, with a word on how they compare with the library. */
export function TagBars({ tags }) {
  const families = Object.keys(FAMILIES).filter((family) => tags.some((tag) => tag.family === family));
  return html`<div>
    <ul class="bars">
      ${tags.map(
        (tag) => html`<li key=${tag.tag} class="bar family-${tag.family}" title="${FAMILIES[tag.family]}, ${standing(tag.zscore)}">
          <span class="bar-name">${tagName(tag.label)}</span>
          <span class="bar-line"><i style=${{ "--value": tag.probability }} /></span>
          <span class="bar-value">${percent(tag.probability)}</span>
          <span class="bar-note">${standing(tag.zscore)}</span>
        </li>`,
      )}
    </ul>
    <p class="legend">${families.map((family) => html`<span key=${family} class="legend-item family-${family}"><i />${FAMILIES[family]}</span>`)}</p>
  </div>`;
}
