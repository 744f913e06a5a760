import { html, useEffect } from "../app/view.js";
import { get } from "../app/api.js";
import { count, moment, plural, spent } from "../app/format.js";
import { useLoad } from "../app/load.js";
import { explain } from "../app/reasons.js";
import { isActive, noteRuns, runs, serverName } from "../app/store.js";
import { FailedSongs } from "../components/failed-songs.js";
import { Progress } from "../components/progress.js";
import { RunActions } from "../components/run-actions.js";
import { RunNumbers } from "../components/run-card.js";
import { RunState } from "../components/run-state.js";
import { StageTimes } from "../components/stage-times.js";
import { ErrorCard, Ghosts } from "../components/states.js";

/** Totals as the sum they are: found = analysed + skipped + failed + to go. */
function Sum({ totals }) {
  const parts = [
    ["found", totals.discovered, ""],
    ["analysed", totals.analysed, "part-analysed"],
    ["skipped", totals.skipped, "part-skipped"],
    ["failed", totals.failed, "part-failed"],
  ];
  if (totals.remaining > 0) parts.push(["to go", totals.remaining, "part-left"]);
  return html`<dl class="sum">
    ${parts.map(([name, value, kind], i) => html`<div key=${name}><dt><i class=${kind} />${name}</dt><dd>${i > 0 && html`<span class="sum-sign" aria-hidden="true">${i === 1 ? "=" : "+"}</span>`}${count(value)}</dd></div>`)}
  </dl>`;
}

function Skips({ run }) {
  const skips = run.skips.filter((skip) => skip.count > 0);
  if (!skips.length) return null;
  return html`<section class="card"><h2>Skipped songs</h2>
    <ul class="plain-list">${skips.map((skip) => html`<li key=${skip.reason}><b>${count(skip.count)}</b> ${explain(skip.reason).title.toLowerCase()}. <span class="quiet">${explain(skip.reason).advice}</span></li>`)}</ul>
  </section>`;
}

/** Items that a library names but that could not be taken in. */
function Unlisted({ scan }) {
  if (!scan.problem_count) return null;
  return html`<details><summary>${plural(scan.problem_count, "item")} could not be listed</summary>
    <ul class="plain-list quiet">${scan.problems.map((problem) => html`<li key=${problem}>${problem}</li>`)}</ul>
    ${scan.problem_count > scan.problems.length && html`<p class="quiet">These are the first ${scan.problems.length}.</p>`}
  </details>`;
}

function Scans({ run }) {
  return html`<section class="card"><h2>Libraries</h2>
    <ul class="plain-list">
      ${run.scans.map((scan) => {
        if (scan.state !== "failed") {
          const soFar = scan.state === "running" ? " so far" : "";
          return html`<li key=${scan.server_id}><b>${serverName(scan.server_id)}</b>: ${plural(scan.listed, "song")} listed${soFar}.<${Unlisted} scan=${scan} /></li>`;
        }
        const { title, advice } = explain(scan.reason);
        return html`<li key=${scan.server_id} class="is-bad"><b>${serverName(scan.server_id)}</b>: listing broke off after ${plural(scan.listed, "song")}. ${title}. ${scan.detail && `“${scan.detail}” `}${advice}<${Unlisted} scan=${scan} /></li>`;
      })}
    </ul>
  </section>`;
}

function Times({ run }) {
  const times = [
    ["Asked for", moment(run.requested_at)],
    ["Started", moment(run.started_at)],
    ["Ended", run.ended_at ? moment(run.ended_at) : "still going"],
    ["Profile", run.profile],
    ["Music heard", run.audio_s ? spent(run.audio_s) : "–"],
    ["Speed", run.realtime_factor ? `${count(run.realtime_factor)} times real time` : "–"],
  ];
  if (!isActive(run) && run.tracks_per_minute) times.push(["Songs a minute", count(run.tracks_per_minute)]);
  return html`<section class="card"><h2>Times</h2><dl class="pairs">${times.map(([name, value]) => html`<div key=${name}><dt>${name}</dt><dd>${value}</dd></div>`)}</dl></section>`;
}

export function RunPage({ id }) {
  const { data, problem, reload } = useLoad(`run:${id}`, (abort) => get(`/runs/${id}`, null, abort));
  useEffect(() => {
    if (data) noteRuns(data);
  }, [data]);
  const run = runs.value.get(id) ?? data;
  if (!run && problem) return html`<div class="page"><${ErrorCard} problem=${problem} onRetry=${reload} /><p><a href="/runs">All runs</a></p></div>`;
  if (!run) return html`<div class="page"><${Ghosts} /></div>`;
  return html`<div class="page">
    <p class="crumb"><a href="/runs">All runs</a></p>
    <header class="page-head">
      <h1 tabindex="-1">${run.server_ids.map(serverName).join(", ")}</h1>
      <${RunState} state=${run.state} />
      <span class="page-space" />
      <${RunActions} run=${run} />
    </header>
    <section class="card">
      <${Progress} totals=${run.totals} listing=${!run.listing_done} label="Progress" />
      <${Sum} totals=${run.totals} />
      ${isActive(run) && html`<${RunNumbers} run=${run} />`}
    </section>
    ${run.totals.failed > 0 && html`<${FailedSongs} run=${run} />`}
    <div class="columns">
      <${StageTimes} stages=${run.stages_s} songs=${run.totals.analysed} />
      <${Times} run=${run} />
      <${Scans} run=${run} />
      <${Skips} run=${run} />
    </div>
  </div>`;
}
