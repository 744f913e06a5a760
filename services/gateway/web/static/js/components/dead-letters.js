import { html, useState } from "../app/view.js";
import { get, post } from "../app/api.js";
import { ago, plural } from "../app/format.js";
import { useLoad, useMore } from "../app/load.js";
import { explain } from "../app/reasons.js";
import { mayWrite } from "../app/rights.js";
import { loadStatus } from "../app/store.js";
import { sayProblem, toast } from "../app/toasts.js";
import { ErrorCard, Ghosts } from "./states.js";

function Inside({ id }) {
  const { data, problem } = useLoad(`dead:${id}`, (abort) => get(`/dead/${id}`, null, abort));
  if (problem) return html`<p class="quiet">${problem.message}</p>`;
  if (!data) return html`<${Ghosts} rows=${2} />`;
  return html`<pre class="trace" tabindex="0">${JSON.stringify(data.data, null, 2)}${data.traceback ? `\n\n${data.traceback}` : ""}</pre>`;
}

function Letter({ letter, onRetried }) {
  const [busy, setBusy] = useState(false);
  const [open, setOpen] = useState(false);
  const retry = async () => {
    setBusy(true);
    try {
      const { position } = await post(`/dead/${letter.id}/retry`);
      toast(`${letter.title ?? letter.command_type}: sent back to work.`);
      onRetried(position);
    } catch (problem) {
      setBusy(false);
      sayProblem(problem);
    }
  };
  return html`<li class="letter">
    <div class="letter-head">
      <div>
        <b>${letter.title ?? letter.subject}</b>
        <p>${explain(letter.reason).title}: ${letter.detail}</p>
        <p class="quiet">${letter.command_type} · ${plural(letter.deliveries, "try", "tries")} · ${ago(letter.buried_at)}${letter.run_id && html` · <a href="/runs/${letter.run_id}">its run</a>`}</p>
      </div>
      ${mayWrite.value && html`<button type="button" class="button" disabled=${busy} onClick=${retry}>${busy ? "Sending" : "Retry"}</button>`}
    </div>
    <details onToggle=${(event) => setOpen(event.target.open)}><summary>Command and traceback</summary>${open && html`<${Inside} id=${letter.id} />`}</details>
  </li>`;
}

/** Commands that gave up after their last try, and the way to send them back to work. */
export function DeadLetters() {
  const { data, problem, reload, put, busy, more } = useMore("dead", (cursor, abort) => get("/dead", { cursor }, abort));
  if (problem && !data) return html`<${ErrorCard} problem=${problem} onRetry=${reload} />`;
  if (!data) return null;
  const gone = (letter) => () => {
    put({ ...data, items: data.items.filter((other) => other.id !== letter.id) });
    loadStatus().catch(() => {});
  };
  return html`<section class="dead" aria-labelledby="dead-title">
    <h2 id="dead-title">Commands that gave up <small>(dead letters)</small></h2>
    ${data.items.length === 0 && html`<p class="quiet">None. Every command came to an end.</p>`}
    ${data.items.length > 0 &&
    html`<p class="quiet">These failed at every try. Put the cause right, then retry.</p>
      <ul class="letters card">${data.items.map((letter) => html`<${Letter} key=${letter.id} letter=${letter} onRetried=${gone(letter)} />`)}</ul>`}
    ${more && html`<button type="button" class="button" disabled=${busy} onClick=${() => more().catch(sayProblem)}>More</button>`}
  </section>`;
}
