import { html, useEffect, useState } from "../app/view.js";
import { get } from "../app/api.js";
import { askWriting } from "../app/asking.js";
import { clusterings, failureWords, isSearching, keepProposals, noteClusterings, scoreWord } from "../app/clusterings.js";
import { ago, count, listed, plural } from "../app/format.js";
import { useLoad } from "../app/load.js";
import { writePlaylists } from "../app/playlists.js";
import { mayWrite } from "../app/rights.js";
import { navigate } from "../app/router.js";
import { sayProblem, toast } from "../app/toasts.js";
import { ClusteringCard, SearchCharts } from "../components/clustering-card.js";
import { outOf100 } from "../components/clustering-chart.js";
import { Elapsed } from "../components/elapsed.js";
import { Icon } from "../components/icon.js";
import { ProposalCard } from "../components/proposal-card.js";
import { EmptyState, ErrorCard, Ghosts } from "../components/states.js";
import { make } from "./playlists.js";

/** "3 new playlists, 2 refreshed and 1 left alone, because it is locked" */
function keptWords({ created, refreshed, unchanged, locked }) {
  const parts = [
    created.length && plural(created.length, "new playlist"),
    refreshed.length && `${refreshed.length} refreshed`,
    unchanged.length && `${unchanged.length} as before`,
    locked.length && `${locked.length} left alone, because ${locked.length === 1 ? "it is" : "they are"} locked`,
  ];
  return listed(parts.filter(Boolean)) || "nothing to keep";
}

const keptIds = (kept) => [...kept.created, ...kept.refreshed, ...kept.unchanged];

/** Keep the chosen ones, and write them too if asked. `setBusy` tells which of the two is under way. */
async function keep(clustering, numbers, write, setBusy) {
  const wanted = write ? await askWriting({ of: { clustering_id: clustering.id, numbers }, title: `Keep and write ${plural(numbers.length, "playlist")}`, yes: "Keep and write", keeps: true }) : null;
  if (write && !wanted) return;
  setBusy(write ? "write" : "keep");
  try {
    const kept = await keepProposals(clustering, numbers);
    if (write) await writePlaylists(keptIds(kept), wanted);
    toast(`Kept: ${keptWords(kept)}.${write ? " Writing them to your servers now." : ""}`);
    navigate("/playlists");
  } catch (problem) {
    sayProblem(problem);
  }
  setBusy(null);
}

/** Stays in sight while one scrolls through the proposals. */
function ChoiceBar({ clustering, all, chosen, setChosen }) {
  const [busy, setBusy] = useState(null);
  const whole = chosen.size === all.length;
  const numbers = all.filter((one) => chosen.has(one.number)).map((one) => one.number);
  return html`<div class="choice-bar" role="group" aria-label="Keep playlists">
    <label class="tick"><input type="checkbox" checked=${whole} ref=${(box) => box && (box.indeterminate = !whole && chosen.size > 0)} onChange=${() => setChosen(new Set(whole ? [] : all.map((one) => one.number)))} /><span>${chosen.size} of ${plural(all.length, "playlist")} chosen</span></label>
    <div class="actions">
      <button type="button" class="button" disabled=${!chosen.size || busy !== null} onClick=${() => keep(clustering, numbers, false, setBusy)}>Keep these${busy === "keep" && html`<${Elapsed} />`}</button>
      <button type="button" class="button button-main" disabled=${!chosen.size || busy !== null} onClick=${() => keep(clustering, numbers, true, setBusy)}><${Icon} name="send" size=${18} /><span>Keep and write<span class="wide-only"> to servers</span></span>${busy === "write" && html`<${Elapsed} />`}</button>
    </div>
  </div>`;
}

function Proposals({ clustering }) {
  const { data, problem, reload } = useLoad(`proposals:${clustering.id}`, (abort) => get(`/clusterings/${clustering.id}/proposals`, null, abort));
  const [left, setLeft] = useState(new Set());
  if (problem && !data) return html`<${ErrorCard} problem=${problem} onRetry=${reload} />`;
  if (!data) return html`<${Ghosts} />`;
  const all = data.items;
  if (!all.length) return html`<${EmptyState} icon="playlists" title="No playlists found" action=${mayWrite.value && html`<button type="button" class="button" onClick=${make}>Try other choices</button>`}>No group of songs was large enough. Shorter playlists, or more libraries, may help.<//>`;
  // Everything is chosen until the listener takes something out.
  const chosen = new Set(all.map((one) => one.number).filter((number) => !left.has(number)));
  const setChosen = (next) => setLeft(new Set(all.map((one) => one.number).filter((number) => !next.has(number))));
  const choose = (number) => (yes) => {
    const next = new Set(chosen);
    if (yes) next.add(number);
    else next.delete(number);
    setChosen(next);
  };
  return html`<ul class="proposals">${all.map((one) => html`<${ProposalCard} key=${one.number} proposal=${one} chosen=${chosen.has(one.number)} onChoose=${choose(one.number)} />`)}</ul>
    ${mayWrite.value && html`<${ChoiceBar} clustering=${clustering} all=${all} chosen=${chosen} setChosen=${setChosen} />`}`;
}

function Ended({ clustering }) {
  const { winner, playlists, tracks, tracks_used: used, kept } = clustering;
  const total = winner?.score?.total;
  return html`<p class="lead">${count(used ?? 0)} of ${plural(tracks ?? 0, "song")} found a place${total !== undefined && total !== null ? html`, with ${scoreWord(total)} agreement (${outOf100(total)} of 100)` : ""}.${mayWrite.value && " Choose what you want to keep."}</p>
    ${kept && html`<p class="notice-line"><${Icon} name="check" size=${18} /><span>Kept before: ${keptWords(kept)}. <a href="/playlists">To your playlists</a></span></p>`}
    <${Proposals} clustering=${clustering} />
    <details class="how"><summary>How Starling came to these ${plural(playlists ?? 0, "playlist")}</summary>
      ${[...(clustering.warnings ?? []), ...(clustering.notes ?? [])].map((note) => html`<p key=${note} class="quiet">${note}</p>`)}
      <p class="quiet">Seed ${clustering.seed}: the same seed on the same library gives the same playlists.</p>
      <${SearchCharts} clustering=${clustering} />
    </details>`;
}

function Broken({ clustering }) {
  const again = mayWrite.value && html`<button type="button" class="button button-main" onClick=${make}>Start again</button>`;
  if (clustering.state === "cancelled" || clustering.reason === "cancelled") return html`<${EmptyState} icon="playlists" title="Stopped" action=${again}>The search was stopped before it found playlists. Yours stay as they are.<//>`;
  return html`<${EmptyState} icon="alert" title="No playlists this time" action=${again}>${failureWords(clustering)}<//>`;
}

/** A search for playlists: how it goes, then what it found. */
export function ClusteringPage({ id }) {
  const { data, problem, reload } = useLoad(`clustering:${id}`, (abort) => get(`/clusterings/${id}`, null, abort));
  useEffect(() => {
    if (data) noteClusterings(data);
  }, [data]);
  const one = clusterings.value.get(id) ?? data;
  if (!one && problem) return html`<div class="page"><${ErrorCard} problem=${problem} onRetry=${reload} /><p><a href="/playlists">All playlists</a></p></div>`;
  if (!one) return html`<div class="page"><${Ghosts} /></div>`;
  const searching = isSearching(one);
  const title = searching ? "Making playlists" : one.state === "completed" ? `${plural(one.playlists ?? 0, "playlist")} found` : "Playlists";
  return html`<div class="page">
    <p class="crumb"><a href="/playlists">All playlists</a></p>
    <header class="page-head"><h1 tabindex="-1">${title}</h1><p class="page-count">${ago(one.requested_at)}</p></header>
    ${searching && html`<${ClusteringCard} clustering=${one} whole /><${SearchCharts} clustering=${one} />`}
    ${one.state === "completed" && html`<${Ended} clustering=${one} />`}
    ${(one.state === "failed" || one.state === "cancelled") && html`<${Broken} clustering=${one} />`}
  </div>`;
}
