import { html, useEffect } from "../app/view.js";
import { get } from "../app/api.js";
import { askAnalysis } from "../app/asking.js";
import { ago, count, plural, spent } from "../app/format.js";
import { useMore } from "../app/load.js";
import { navigate } from "../app/router.js";
import { isActive, noteRuns, runs, serverName, servers, startAnalysis } from "../app/store.js";
import { sayProblem } from "../app/toasts.js";
import { DeadLetters } from "../components/dead-letters.js";
import { Icon } from "../components/icon.js";
import { Progress } from "../components/progress.js";
import { RunState } from "../components/run-state.js";
import { EmptyState, ErrorCard, Ghosts } from "../components/states.js";

const LIMIT = 25;

function lasted(run) {
  if (!run.started_at) return "";
  const end = run.ended_at ? Date.parse(run.ended_at) : Date.now();
  return spent((end - Date.parse(run.started_at)) / 1000);
}

function sums({ totals }) {
  const parts = [`${count(totals.analysed)} analysed`];
  if (totals.skipped) parts.push(`${count(totals.skipped)} skipped`);
  if (totals.failed) parts.push(`${count(totals.failed)} failed`);
  if (totals.remaining) parts.push(`${count(totals.remaining)} to go`);
  return parts.join(", ");
}

function RunRow({ run }) {
  return html`<li class="run-row">
    <div class="run-row-head">
      <a class="run-link" data-row href="/runs/${run.id}">${run.server_ids.map(serverName).join(", ")}</a>
      <${RunState} state=${run.state} />
    </div>
    <${Progress} totals=${run.totals} listing=${!run.listing_done} label="Run of ${ago(run.requested_at)}" />
    <p class="run-row-sums"><span>${plural(run.totals.discovered, "song")}: ${sums(run)}</span><span>${ago(run.requested_at)}${lasted(run) && ` · took ${lasted(run)}`} · ${run.profile}</span></p>
  </li>`;
}

async function start() {
  const wanted = await askAnalysis();
  if (!wanted) return;
  try {
    navigate(`/runs/${await startAnalysis(wanted)}`);
  } catch (problem) {
    sayProblem(problem);
    if (problem.body?.run_id) navigate(`/runs/${problem.body.run_id}`);
  }
}

export function RunsPage() {
  const { data, problem, reload, busy, more } = useMore("runs", (cursor, abort) => get("/runs", { limit: LIMIT, cursor }, abort));
  useEffect(() => {
    if (data) noteRuns(...data.items.filter((run) => !isActive(runs.value.get(run.id) ?? run) || !runs.value.has(run.id)));
  }, [data]);
  const known = new Map(data?.items.map((run) => [run.id, run]));
  for (const run of runs.value.values()) if (known.has(run.id) || isActive(run)) known.set(run.id, run);
  const all = [...known.values()].sort((a, b) => Date.parse(b.requested_at) - Date.parse(a.requested_at));
  const button = servers.value?.length > 0 && html`<button type="button" class="button button-main" onClick=${start}><${Icon} name="plus" size=${18} />New analysis</button>`;
  return html`<div class="page">
    <header class="page-head"><h1 tabindex="-1">Runs</h1><span class="page-space" />${button}</header>
    ${problem && !data && html`<${ErrorCard} problem=${problem} onRetry=${reload} />`}
    ${!data && !problem && html`<${Ghosts} />`}
    ${data && all.length === 0 && html`<${EmptyState} icon="runs" title="No runs yet">A run listens to the songs of a library. Each one is listed here, with what it did and how long it took.<//>`}
    ${all.length > 0 && html`<ul class="run-rows card">${all.map((run) => html`<${RunRow} key=${run.id} run=${run} />`)}</ul>`}
    ${more && html`<button type="button" class="button" disabled=${busy} onClick=${() => more().catch(sayProblem)}>Older runs</button>`}
    <${DeadLetters} />
  </div>`;
}
