import { html } from "../app/view.js";
import { count } from "../app/format.js";

const PARTS = ["analysed", "skipped", "failed"];

/** How far a run is, in parts that add up to all that was found. */
export function Progress({ totals, listing, label }) {
  const total = Math.max(totals.discovered, 1);
  const done = totals.analysed + totals.skipped + totals.failed;
  const words = listing ? `${count(done)} of ${count(totals.discovered)} found so far` : `${count(done)} of ${count(totals.discovered)}`;
  return html`<div class="progress" role="progressbar" aria-label=${label} aria-valuemin="0" aria-valuemax=${totals.discovered} aria-valuenow=${done} aria-valuetext=${words}>
    ${PARTS.map((part) => html`<i key=${part} class="part-${part}" style=${{ "--share": totals[part] / total }} />`)}
  </div>`;
}
