import { html, useEffect } from "../app/view.js";
import { get } from "../app/api.js";
import { askAnalysis } from "../app/asking.js";
import { clusterings, isSearching, noteClusterings } from "../app/clusterings.js";
import { useMore } from "../app/load.js";
import { mayWrite } from "../app/rights.js";
import { navigate, place } from "../app/router.js";
import { isActive, noteRuns, runs, servers, startAnalysis } from "../app/store.js";
import { isWriting, noteSyncs, syncs } from "../app/syncs.js";
import { sayProblem } from "../app/toasts.js";
import { DeadLetters } from "../components/dead-letters.js";
import { Icon } from "../components/icon.js";
import { AnalysisRow, ClusteringRow, SyncRow } from "../components/run-rows.js";
import { EmptyState, ErrorCard, Ghosts } from "../components/states.js";

const LIMIT = 25;
const KINDS = [
  ["", "All"],
  ["analyses", "Listening"],
  ["searches", "Playlists made"],
  ["writing", "Written"],
];

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

/** One list of the API, kept up to date by what the stream says about its items. */
function useRuns(path, known, note, active) {
  const list = useMore(path, (cursor, abort) => get(path, { limit: LIMIT, cursor }, abort));
  useEffect(() => {
    if (list.data) note(...list.data.items.filter((one) => !known.value.has(one.id) || !active(known.value.get(one.id))));
  }, [list.data]);
  const ids = new Set(list.data?.items.map((one) => one.id));
  const shown = new Map(list.data?.items.map((one) => [one.id, one]));
  for (const one of known.value.values()) if (ids.has(one.id) || active(one)) shown.set(one.id, one);
  const last = list.data?.items.at(-1);
  // Below this the list may lack something that its next page has.
  return { ...list, items: [...shown.values()], since: list.more && last ? Date.parse(last.requested_at) : -Infinity };
}

const asked = (one) => Date.parse(one.requested_at);

/** Everything in one order of time, as far down as every list reaches. */
function merged(lists) {
  const since = Math.max(...lists.map(({ list }) => list.since));
  const all = lists.flatMap(({ list, Row }) => list.items.map((one) => ({ one, Row })));
  return all.filter(({ one }) => asked(one) >= since).sort((a, b) => asked(b.one) - asked(a.one));
}

/** Loads further what ends soonest. */
function older(lists) {
  const [soonest] = lists.filter(({ list }) => list.more).sort((a, b) => b.list.since - a.list.since);
  return soonest?.list;
}

function Filter({ kind }) {
  const choose = (key) => navigate(key ? `/runs?kind=${key}` : "/runs", { replace: true });
  return html`<div class="filters"><div class="segments segments-small" role="radiogroup" aria-label="Which runs">
    ${KINDS.map(([key, label]) => html`<label key=${key} class="segment"><input type="radio" name="kind" checked=${kind === key} onChange=${() => choose(key)} /><span>${label}</span></label>`)}
  </div></div>`;
}

export function RunsPage() {
  const kind = place.value.query.get("kind") ?? "";
  const all = [
    { kind: "analyses", list: useRuns("/runs", runs, noteRuns, isActive), Row: AnalysisRow },
    { kind: "searches", list: useRuns("/clusterings", clusterings, noteClusterings, isSearching), Row: ClusteringRow },
    { kind: "writing", list: useRuns("/sync", syncs, noteSyncs, isWriting), Row: SyncRow },
  ];
  const lists = all.filter((one) => !kind || one.kind === kind);
  const broken = lists.find(({ list }) => list.problem && !list.data)?.list;
  const waiting = lists.some(({ list }) => !list.data);
  const rows = waiting ? [] : merged(lists);
  const next = older(lists);
  const button = servers.value?.length > 0 && mayWrite.value && html`<button type="button" class="button button-main" onClick=${start}><${Icon} name="plus" size=${18} />New analysis</button>`;
  return html`<div class="page">
    <header class="page-head"><h1 tabindex="-1">Runs</h1><span class="page-space" />${button}</header>
    <${Filter} kind=${kind} />
    ${broken && html`<${ErrorCard} problem=${broken.problem} onRetry=${broken.reload} />`}
    ${waiting && !broken && html`<${Ghosts} />`}
    ${!waiting && rows.length === 0 && html`<${EmptyState} icon="runs" title="No runs yet">A run listens to songs, makes playlists or writes them to a server. Each one is listed here, with what it did and how long it took.<//>`}
    ${rows.length > 0 && html`<ul class="run-rows card">${rows.map(({ one, Row }) => html`<${Row} key=${one.id} run=${one} />`)}</ul>`}
    ${!waiting && next && html`<button type="button" class="button" disabled=${next.busy} onClick=${() => next.more().catch(sayProblem)}>Older runs</button>`}
    <${DeadLetters} />
  </div>`;
}
