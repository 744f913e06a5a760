import { html } from "../app/view.js";
import { METHODS, scoreWord } from "../app/clusterings.js";
import { plural } from "../app/format.js";

const WIDE = 320;
const HIGH = 96;
const ROOM = 8;

const points = (list) => list.filter((one) => one.best !== null && one.best !== undefined);
export const outOf100 = (total) => Math.round(total * 100);

/** The best score after each round: rises while the search still learns, flattens when it is done. */
export function ScoreLine({ generations }) {
  const known = points(generations);
  if (known.length < 2) return html`<p class="quiet chart-wait">The line begins with the second round of tries.</p>`;
  let best = 0;
  const values = known.map((one) => (best = Math.max(best, one.best)));
  const [low, high] = [values[0], values[values.length - 1]];
  const x = (i) => ROOM + (i / (values.length - 1)) * (WIDE - 2 * ROOM);
  const y = (value) => HIGH - ROOM - ((value - low) / Math.max(high - low, 0.02)) * (HIGH - 2 * ROOM);
  const line = values.map((value, i) => `${i ? "L" : "M"}${x(i).toFixed(1)} ${y(value).toFixed(1)}`).join("");
  const words = `Best score after each of ${values.length} rounds, from ${outOf100(low)} to ${outOf100(high)} of 100`;
  return html`<figure class="score-line">
    <svg viewBox="0 0 ${WIDE} ${HIGH}" role="img" aria-label=${words} preserveAspectRatio="none">
      <path d="${line}V${HIGH}H${ROOM}Z" class="score-area" /><path d=${line} class="score-path" />
    </svg>
    <figcaption><span>first round: ${outOf100(low)}</span><span>now: ${outOf100(high)}</span></figcaption>
  </figure>`;
}

/** One line for each way of grouping: how often tried, how good at best. */
export function MethodLines({ algorithms }) {
  const sorted = [...algorithms].sort((a, b) => (b.best?.score?.total ?? -1) - (a.best?.score?.total ?? -1));
  return html`<ul class="bars methods">
    ${sorted.map(({ algorithm, evaluated, best }) => {
      const total = best?.score?.total;
      return html`<li key=${algorithm} class="bar">
        <span class="bar-name">${METHODS[algorithm] ?? algorithm}</span>
        <span class="bar-line"><i style=${{ "--value": total ?? 0 }} /></span>
        <span class="bar-value">${total === undefined || total === null ? "–" : outOf100(total)}</span>
        <span class="bar-note">${total === undefined || total === null ? "nothing usable yet" : scoreWord(total)}, ${plural(evaluated, "try", "tries")}</span>
      </li>`;
    })}
  </ul>`;
}
