// One row for each kind of run: listening to songs, looking for playlists, writing playlists to servers.

import { html, useState } from "../app/view.js";
import { METHODS, failureWords, isSearching, scoreWord } from "../app/clusterings.js";
import { ago, count, plural, spent } from "../app/format.js";
import { explain } from "../app/reasons.js";
import { mayWrite } from "../app/rights.js";
import { serverName } from "../app/store.js";
import { cancelSync, isWriting, retrySync } from "../app/syncs.js";
import { sayProblem, toast } from "../app/toasts.js";
import { outOf100 } from "./clustering-chart.js";
import { Icon } from "./icon.js";
import { Progress } from "./progress.js";
import { RunState } from "./run-state.js";

function lasted(run) {
  if (!run.started_at) return "";
  const end = run.ended_at ? Date.parse(run.ended_at) : Date.now();
  return ` · took ${spent((end - Date.parse(run.started_at)) / 1000)}`;
}

function sums({ totals }) {
  const parts = [`${count(totals.analysed)} analysed`];
  if (totals.skipped) parts.push(`${count(totals.skipped)} skipped`);
  if (totals.failed) parts.push(`${count(totals.failed)} failed`);
  if (totals.remaining) parts.push(`${count(totals.remaining)} to go`);
  return parts.join(", ");
}

const Kind = ({ icon }) => html`<span class="run-kind"><${Icon} name=${icon} size=${18} /></span>`;

export function AnalysisRow({ run }) {
  return html`<li class="run-row">
    <div class="run-row-head">
      <${Kind} icon="note" /><a class="run-link" data-row href="/runs/${run.id}">Listening to ${run.server_ids.map(serverName).join(", ")}</a>
      <${RunState} state=${run.state} />
    </div>
    <${Progress} totals=${run.totals} listing=${!run.listing_done} label="Run of ${ago(run.requested_at)}" />
    <p class="run-row-sums"><span>${plural(run.totals.discovered, "song")}: ${sums(run)}</span><span>${ago(run.requested_at)}${lasted(run)} · ${run.profile}</span></p>
  </li>`;
}

function foundWords(run) {
  const total = (run.winner ?? run.best)?.score?.total;
  const score = total === undefined || total === null ? "" : `, ${outOf100(total)} of 100 (${scoreWord(total)})`;
  if (isSearching(run)) return `${count(run.evaluated)} of at most ${count(run.planned)} tried${score}`;
  if (run.state === "completed") return `${plural(run.playlists ?? 0, "playlist")} of ${plural(run.tracks_used ?? 0, "song")}${score}${run.winner ? `, by ${METHODS[run.winner.configuration.algorithm]}` : ""}`;
  return run.state === "cancelled" || run.reason === "cancelled" ? "Stopped before it found playlists." : failureWords(run);
}

export function ClusteringRow({ run }) {
  const totals = { discovered: run.planned || 1, analysed: isSearching(run) ? run.evaluated : run.state === "completed" ? run.planned || 1 : 0, skipped: 0, failed: 0 };
  return html`<li class="run-row">
    <div class="run-row-head"><${Kind} icon="flock" /><a class="run-link" data-row href="/clusterings/${run.id}">Making playlists</a><${RunState} state=${run.state} /></div>
    ${isSearching(run) && html`<${Progress} totals=${totals} label="Looking for playlists" />`}
    <p class="run-row-sums"><span>${foundWords(run)}</span><span>${ago(run.requested_at)}${lasted(run)}</span></p>
  </li>`;
}

function Problem({ problem }) {
  const { title, advice } = explain(problem.reason);
  const safe = { true: " On the server it is as it was before.", false: " What the server holds now may be incomplete: try again." }[problem.restored] ?? "";
  return html`<li><b><a href="/playlists/${problem.playlist_id}">${problem.name ?? "A deleted playlist"}</a> on ${problem.server_name ?? serverName(problem.server_id)}: ${title.toLowerCase()}.</b>
    ${problem.detail ? html` The server says: “${problem.detail}” ` : " "}${advice}${safe}</li>`;
}

function SyncActions({ run }) {
  const [busy, setBusy] = useState(false);
  if (!mayWrite.value) return null;
  const act = async (work, words) => {
    setBusy(true);
    try {
      await work(run);
      toast(words);
    } catch (problem) {
      sayProblem(problem);
    }
    setBusy(false);
  };
  if (isWriting(run)) return html`<button type="button" class="button" disabled=${busy} onClick=${() => act(cancelSync, "Stopped. What was written stays.")}>Stop</button>`;
  if (!run.failed) return null;
  return html`<button type="button" class="button" disabled=${busy} onClick=${() => act(retrySync, "Writing those again.")}>Try ${run.failed === 1 ? "it" : "these"} again</button>`;
}

function writtenWords(run) {
  if (run.state === "failed") return `${explain(run.reason).title}. ${run.detail ?? ""}`;
  const parts = [`${count(run.synced)} of ${count(run.targets)} written`];
  if (run.skipped) parts.push(`${count(run.skipped)} left out`);
  if (run.failed) parts.push(`${count(run.failed)} failed`);
  return parts.join(", ");
}

export function SyncRow({ run }) {
  const totals = { discovered: run.targets, analysed: run.synced, skipped: run.skipped, failed: run.failed };
  const [left, failed] = ["skipped", "failed"].map((kind) => run.problems.filter((problem) => (problem.outcome ?? "failed") === kind));
  return html`<li class="run-row sync-row">
    <div class="run-row-head"><${Kind} icon="send" /><span class="run-name">Writing playlists to your servers</span><span class="actions"><${SyncActions} run=${run} /></span><${RunState} state=${run.state} /></div>
    ${run.targets > 0 && html`<${Progress} totals=${totals} label="Writing of ${ago(run.requested_at)}" />`}
    <p class="run-row-sums"><span>${writtenWords(run)}</span><span>${ago(run.requested_at)}${lasted(run)}</span></p>
    ${failed.length > 0 && html`<ul class="failure-notes">${failed.map((problem) => html`<${Problem} key=${problem.playlist_id + problem.server_id} problem=${problem} />`)}</ul>`}
    ${left.length > 0 && html`<details><summary>${plural(left.length, "playlist")} left out</summary><ul class="failure-notes">${left.map((problem) => html`<${Problem} key=${problem.playlist_id + problem.server_id} problem=${problem} />`)}</ul></details>`}
  </li>`;
}
