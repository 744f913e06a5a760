import { html } from "../app/view.js";
import { count, decimal, plural, span } from "../app/format.js";
import { explain } from "../app/reasons.js";
import { dismissEnded, serverName } from "../app/store.js";
import { Icon } from "./icon.js";
import { Progress } from "./progress.js";
import { RunActions } from "./run-actions.js";

/** Where there is room, reasons are open from the start. */
const WIDE = matchMedia("(min-width: 720px)");

const names = (run) => run.server_ids.map(serverName).join(", ");

function title(run) {
  if (run.state === "paused") return `Paused: ${names(run)}`;
  if (run.state === "requested") return `Getting ready to listen to ${names(run)}`;
  return `Listening to ${names(run)}`;
}

/** Done of total, a minute, time left: what a person asks of a run. */
export function RunNumbers({ run }) {
  const { discovered, analysed, skipped, failed } = run.totals;
  const done = analysed + skipped + failed;
  const speed = run.tracks_per_minute;
  const left = run.state === "paused" ? "paused" : run.eta_s === null ? "working it out" : `${span(run.eta_s)}${run.listing_done ? "" : " or more"}`;
  return html`<dl class="numbers">
    <div><dt>${run.listing_done ? "songs done" : "songs done, still counting"}</dt><dd>${count(done)}<small> of ${count(discovered)}</small></dd></div>
    <div><dt>a minute</dt><dd>${speed === null ? "–" : speed < 10 ? decimal(speed) : count(speed)}</dd></div>
    <div><dt>left</dt><dd class="number-words">${left}</dd></div>
    ${failed > 0 && html`<div class="is-bad"><dt>failed</dt><dd>${count(failed)}</dd></div>`}
  </dl>`;
}

/** Why songs failed and what to do, in short. */
function FailureNotes({ run }) {
  const problems = run.scans.filter((scan) => scan.state === "failed" && scan.reason !== "cancelled");
  if (!run.failures.length && !problems.length) return null;
  const notes = html`<ul class="failure-notes">
    ${problems.map(
      (scan) => html`<li key=${scan.server_id}><b>${serverName(scan.server_id)} could not be listed: ${explain(scan.reason).title.toLowerCase()}.</b> ${scan.detail ? `“${scan.detail}” ` : ""}${explain(scan.reason).advice}</li>`,
    )}
    ${run.failures.slice(0, 3).map(
      (failure) => html`<li key=${failure.reason}><b>${explain(failure.reason).title}: ${count(failure.count)}.</b> ${explain(failure.reason).advice}</li>`,
    )}
    ${run.failures.length > 0 && html`<li><a href="/runs/${run.id}">Every failed song, with its reason</a></li>`}
  </ul>`;
  return html`<details class="failure-fold" open=${WIDE.matches}><summary>What went wrong, and what to do</summary>${notes}</details>`;
}

/** A run as it goes, at the top of the library. */
export function RunCard({ run }) {
  return html`<section class="card run-card" aria-label=${title(run)}>
    <header>
      <h2><a href="/runs/${run.id}">${title(run)}</a></h2>
      <${RunActions} run=${run} />
    </header>
    <${Progress} totals=${run.totals} listing=${!run.listing_done} label=${title(run)} />
    <${RunNumbers} run=${run} />
    <${FailureNotes} run=${run} />
  </section>`;
}

function closing({ state, totals }) {
  if (state === "cancelled") return `Stopped. ${plural(totals.analysed, "song")} analysed, ${count(totals.skipped)} left out.`;
  if (state === "failed") return "The analysis could not be finished.";
  if (totals.analysed === 0 && totals.failed === 0) return `Nothing to do: all ${plural(totals.discovered, "song")} were known already.`;
  return `Done. ${plural(totals.analysed, "song")} analysed${totals.skipped ? `, ${count(totals.skipped)} known already` : ""}${totals.failed ? `, ${count(totals.failed)} failed` : ""}.`;
}

/** The closing word about a run that ended a moment ago. */
export function EndedCard({ run }) {
  return html`<section class="card ended-card">
    <header>
      <h2><span class="ended-icon ${run.state === "failed" ? "is-bad" : ""}"><${Icon} name=${run.state === "failed" ? "alert" : "check"} size=${18} /></span>${closing(run)}</h2>
      <a class="button button-plain" href="/runs/${run.id}">Details</a>
      <button type="button" class="icon-button" aria-label="Close this message" onClick=${() => dismissEnded(run.id)}><${Icon} name="close" size=${18} /></button>
    </header>
    ${(run.totals.failed > 0 || run.state === "failed") && html`<${FailureNotes} run=${run} />`}
  </section>`;
}
