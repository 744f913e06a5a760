import { html, useEffect, useRef, useState } from "../app/view.js";
import { askAnalysis } from "../app/asking.js";
import { count, plural } from "../app/format.js";
import { on } from "../app/live.js";
import { tracksFor } from "../app/paged.js";
import { mayWrite } from "../app/rights.js";
import { navigate, place } from "../app/router.js";
import { activeRuns, dismissEnded, justEnded, runs, servers, startAnalysis, status } from "../app/store.js";
import { sayProblem } from "../app/toasts.js";
import { EndedCard, RunCard } from "../components/run-card.js";
import { SearchField } from "../components/search-field.js";
import { SongColumns, SongList } from "../components/song-list.js";
import { EmptyState, ErrorCard } from "../components/states.js";

const REFRESH_MS = 1500;
const NEAR_TOP = 60;
const STATES = [
  ["", "All"],
  ["analysed", "Analysed"],
  ["discovered", "Waiting"],
  ["failed", "Failed"],
];

/** Change one part of the address, so that what is seen can be shared. */
function setQuery(name, value) {
  const query = new URLSearchParams(place.value.query);
  query.delete("find");
  if (value) query.set(name, value);
  else query.delete(name);
  const text = query.toString();
  navigate(text ? `/?${text}` : "/", { replace: true });
  window.scrollTo(0, 0);
}

/** Keeps the list up to date while songs come in. @returns whether newer rows wait to be shown, and how to show them */
function useLiveList(list) {
  const [stale, setStale] = useState(false);
  const range = useRef([0, 0]);
  useEffect(() => {
    let timer = 0;
    let wanted = false;
    const refresh = async () => {
      timer = 0;
      if (!wanted) return;
      const [first, last] = range.current;
      if (first > NEAR_TOP) return setStale(true);
      wanted = false;
      await list.refresh(last).catch(() => (wanted = true));
      timer ||= setTimeout(refresh, REFRESH_MS);
    };
    const soon = () => {
      wanted = true;
      timer ||= setTimeout(refresh, REFRESH_MS);
    };
    const found = new Map();
    const stops = [
      // Analysis changes rows, not which rows there are, save where the list is of one state.
      on("tracks", ({ analysed }) => {
        list.update(analysed);
        if (list.filter.status) soon();
      }),
      on("run", (run) => {
        if (found.get(run.id) !== run.totals.discovered) soon();
        found.set(run.id, run.totals.discovered);
      }),
      on("open", soon),
    ];
    return () => {
      clearTimeout(timer);
      stops.forEach((stop) => stop());
    };
  }, [list]);
  const show = () => {
    setStale(false);
    list.refresh(range.current[1]).catch(sayProblem);
  };
  return { stale, show, onRange: (first, last) => (range.current = [first, last]) };
}

async function analyse() {
  const wanted = await askAnalysis();
  if (wanted) await startAnalysis(wanted).catch(sayProblem);
}

/** Songs that nothing is being done about. */
function WaitingNote() {
  const known = servers.value.reduce((sum, server) => sum + server.track_count - server.analysed_count, 0);
  const waiting = known - (status.value?.tracks?.failed ?? 0);
  const never = servers.value.every((server) => !server.last_scan_at);
  if (activeRuns.value.length || !status.value?.tracks || (waiting <= 0 && !never)) return null;
  return html`<section class="card note-card">
    <p>${never ? "This library has not been looked at yet." : `${plural(waiting, "song")} ${waiting === 1 ? "is" : "are"} not analysed yet, and have no similar songs.`}</p>
    ${mayWrite.value && html`<button type="button" class="button button-main" onClick=${analyse}>Analyse</button>`}
  </section>`;
}

function Filters({ query }) {
  const state = query.get("status") ?? "";
  return html`<div class="filters">
    <div class="segments segments-small" role="radiogroup" aria-label="Which songs">
      ${STATES.map(
        ([key, label]) => html`<label key=${key} class="segment"><input type="radio" name="status" checked=${state === key} onChange=${() => setQuery("status", key)} /><span>${label}</span></label>`,
      )}
    </div>
    ${servers.value.length > 1 &&
    html`<label class="select"><span class="unseen">Library</span>
      <select value=${query.get("library") ?? ""} onChange=${(event) => setQuery("library", event.target.value)}>
        <option value="">All libraries</option>
        ${servers.value.map((server) => html`<option key=${server.id} value=${server.id}>${server.name}</option>`)}
      </select></label>`}
  </div>`;
}

function Nothing({ query }) {
  const words = query.get("q");
  const clear = html`<a class="button" href="/">Show every song</a>`;
  if (words) return html`<${EmptyState} icon="search" title="Nothing found" action=${clear}>No title, artist or album has “${words}” in it.<//>`;
  if (query.get("status") || query.get("library")) return html`<${EmptyState} title="No songs here" action=${clear}>None of your songs is in this state.<//>`;
  if (activeRuns.value.length) return html`<${EmptyState} title="Reading your library">Songs appear here as they are found, and get their sound while you look.<//>`;
  if (!servers.value.length) return html`<${EmptyState} icon="folder" title="No music yet">An owner of this Starling adds the first library.<//>`;
  const settings = html`<a class="button" href="/settings">Look at the libraries</a>`;
  return html`<${EmptyState} icon="folder" title="No songs yet" action=${settings}>Nothing was found in your libraries. Check that the folder is the right one, then analyse it again.<//>`;
}

function Songs({ list, query }) {
  const live = useLiveList(list);
  list.version.value;
  const problem = list.problem.value;
  if (problem && list.total.value === null) return html`<${ErrorCard} problem=${problem} onRetry=${() => list.need(0, 0)} />`;
  if (list.total.value === 0) return html`<${Nothing} query=${query} />`;
  return html`
    ${live.stale && html`<button type="button" class="pill" onClick=${live.show}>New songs have come in. Show them</button>`}
    <${SongColumns} />
    <${SongList} list=${list} onRange=${live.onRange} />
  `;
}

export function LibraryPage() {
  const { query } = place.value;
  const list = tracksFor({ query: query.get("q"), status: query.get("status"), server_id: query.get("library") });
  useEffect(() => {
    list.need(0, 0);
  }, [list]);
  const ended = justEnded.value.map((id) => runs.value.get(id)).filter(Boolean).slice(-2);
  useEffect(() => () => justEnded.value.forEach(dismissEnded), []);
  return html`<div class="page page-wide">
    <header class="page-head">
      <h1 tabindex="-1">Library</h1>
      <p class="page-count" aria-live="polite">${list.total.value === null ? "" : plural(list.total.value, "song")}</p>
      <${SearchField} value=${query.get("q") ?? ""} label="Search titles, artists, albums" takeFocus=${query.has("find")} onSearch=${(text) => setQuery("q", text)} />
    </header>
    <div class="cards">
      ${activeRuns.value.map((run) => html`<${RunCard} key=${run.id} run=${run} />`)}
      ${ended.map((run) => html`<${EndedCard} key=${run.id} run=${run} />`)}
      <${WaitingNote} />
    </div>
    <${Filters} query=${query} />
    <${Songs} key=${list.name} list=${list} query=${query} />
  </div>`;
}
