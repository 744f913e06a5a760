import { html } from "../app/view.js";
import { spent } from "../app/format.js";

const STAGES = { fetch: "Fetch", decode: "Decode", tempo: "Tempo", key: "Key", loudness: "Loudness", embedding: "Embedding" };

/** Where the time of a run went. */
export function StageTimes({ stages, songs }) {
  const known = Object.entries(stages).filter(([, seconds]) => seconds > 0);
  const most = Math.max(...known.map(([, seconds]) => seconds), 0.001);
  return html`<section class="card"><h2>Time by stage</h2>
    ${known.length === 0 && html`<p class="quiet">Nothing was analysed in this run${songs ? "" : ", so nothing took time"}.</p>`}
    <ul class="stages">
      ${known.map(
        ([name, seconds]) => html`<li key=${name} class="bar"><span class="bar-name">${STAGES[name] ?? name}</span><span class="bar-line"><i style=${{ "--value": seconds / most }} /></span><span class="bar-value">${spent(seconds)}</span></li>`,
      )}
    </ul>
    ${known.length > 0 && html`<p class="quiet">Work of all processes added up${songs ? `: ${spent(known.reduce((sum, [, s]) => sum + s, 0) / songs)} a song` : ""}.</p>`}
  </section>`;
}
