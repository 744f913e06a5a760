import { html } from "../app/view.js";
import { bpm, span } from "../app/format.js";
import { tagName } from "../app/sound.js";

const ENERGY = [
  [0.3, "very gentle"],
  [0.48, "gentle"],
  [0.65, "medium energy"],
  [0.82, "intense"],
  [Infinity, "very intense"],
];

export const energyWord = (energy) => ENERGY.find(([upTo]) => energy < upTo)[1];

/** "1994" or "1968 to 1979" */
export const yearWords = ([from, to]) => (from === to ? String(from) : `${from} to ${to}`);

/** Why these songs belong together: energy, tempo and era, in one line. */
export function factsInWords(facts) {
  const parts = [];
  if (facts.energy !== null && facts.energy !== undefined) parts.push(energyWord(facts.energy));
  if (facts.tempo_bpm) parts.push(`around ${bpm(facts.tempo_bpm)} BPM`);
  if (facts.years) parts.push(yearWords(facts.years));
  return parts.join(" · ");
}

/** Which family a word belongs to, learned from the songs themselves. */
function familiesOf(tracks) {
  const known = new Map();
  for (const track of tracks ?? []) for (const tag of track.top_tags ?? []) known.set(tag.label, tag.family);
  return known;
}

/** The words that set a playlist apart from the rest of the library. */
export function FactChips({ facts, tracks, most = 4 }) {
  const families = familiesOf(tracks);
  return html`<span class="chips">${facts.tags.slice(0, most).map(([label]) => html`<span key=${label} class="chip family-${families.get(label) ?? "other"}">${tagName(label)}</span>`)}</span>`;
}

/** "24 songs · 1 h 32 min" with the number of artists where it is known. */
export function lengthWords(count, duration) {
  return duration ? `${count} · ${span(duration)}` : count;
}
