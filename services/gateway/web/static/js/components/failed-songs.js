import { html, useState } from "../app/view.js";
import { get } from "../app/api.js";
import { count, plural } from "../app/format.js";
import { useMore } from "../app/load.js";
import { explain } from "../app/reasons.js";
import { isActive } from "../app/store.js";
import { sayProblem } from "../app/toasts.js";
import { RetryFailed } from "./run-actions.js";
import { ErrorCard, Ghosts } from "./states.js";

const LIMIT = 50;

function Group({ failure }) {
  const { title, advice } = explain(failure.reason);
  return html`<li class="failure-group">
    <p><b>${title}</b> <span class="badge badge-failed">${count(failure.count)}</span></p>
    <p>${advice}</p>
    ${failure.example_track_id && html`<p class="quiet">Such as <a href="/tracks/${failure.example_track_id}">${failure.example_title ?? "this one"}</a>${failure.example_detail && `: “${failure.example_detail}”`}</p>`}
  </li>`;
}

function Every({ run }) {
  const load = (cursor, abort) => get(`/runs/${run.id}/failures`, { limit: LIMIT, cursor }, abort);
  const { data, problem, reload, busy, more } = useMore(`failures:${run.id}:${run.totals.failed}`, load);
  if (problem && !data) return html`<${ErrorCard} problem=${problem} onRetry=${reload} />`;
  if (!data) return html`<${Ghosts} rows=${3} />`;
  return html`<ul class="failed-songs">
      ${data.items.map(
        (item) => html`<li key=${item.track_id}><a href="/tracks/${item.track_id}" data-row>${item.title ?? "A song without a name"}</a><span class="quiet"> ${item.artist}</span><p>${explain(item.reason).title}: “${item.detail}”</p></li>`,
      )}
    </ul>
    ${more && html`<button type="button" class="button" disabled=${busy} onClick=${() => more().catch(sayProblem)}>More</button>`}`;
}

/** What failed, grouped by reason, with what to do about it and a way to try again. */
export function FailedSongs({ run }) {
  const [open, setOpen] = useState(false);
  return html`<section class="card failures" aria-labelledby="failed-title">
    <header class="card-head"><h2 id="failed-title">${plural(run.totals.failed, "song")} failed</h2>${!isActive(run) && html`<${RetryFailed} run=${run} />`}</header>
    <ul class="failure-groups">${run.failures.map((failure) => html`<${Group} key=${failure.reason} failure=${failure} />`)}</ul>
    <details onToggle=${(event) => setOpen(event.target.open)}><summary>Every failed song</summary>${open && html`<${Every} run=${run} />`}</details>
  </section>`;
}
