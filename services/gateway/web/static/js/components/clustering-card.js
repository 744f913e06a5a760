import { html, useState } from "../app/view.js";
import { confirm } from "../app/asking.js";
import { cancelClustering, isSearching, scoreWord } from "../app/clusterings.js";
import { count, plural, span } from "../app/format.js";
import { mayWrite } from "../app/rights.js";
import { sayProblem } from "../app/toasts.js";
import { MethodLines, ScoreLine, outOf100 } from "./clustering-chart.js";

const TITLES = {
  requested: "Getting ready to look for playlists",
  running: "Looking for songs that belong together",
  composing: "Putting the playlists together",
};

export const searchTitle = (one) => TITLES[one.state] ?? "Playlists";

function Line({ clustering }) {
  const { evaluated, planned, state } = clustering;
  const share = state === "composing" ? 1 : Math.min(1, evaluated / Math.max(planned, 1));
  const words = `${count(evaluated)} of at most ${count(planned)} tried`;
  return html`<div class="progress" role="progressbar" aria-label=${searchTitle(clustering)} aria-valuemin="0" aria-valuemax=${planned} aria-valuenow=${evaluated} aria-valuetext=${words}><i class="part-analysed" style=${{ "--share": share }} /></div>`;
}

function left({ state, eta_s: eta }) {
  if (state === "composing") return "nearly done";
  return eta === null || eta === undefined ? "working it out" : span(eta);
}

function Numbers({ clustering }) {
  const total = clustering.best?.score?.total;
  return html`<dl class="numbers">
    <div><dt>tried, at most</dt><dd>${count(clustering.evaluated)}<small> of ${count(clustering.planned)}</small></dd></div>
    <div><dt>best so far</dt><dd>${total === undefined || total === null ? "–" : html`${outOf100(total)}<small> of 100, ${scoreWord(total)}</small>`}</dd></div>
    <div><dt>left, at most</dt><dd class="number-words">${left(clustering)}</dd></div>
    ${clustering.tracks > 0 && html`<div><dt>songs take part</dt><dd>${count(clustering.tracks)}</dd></div>`}
  </dl>`;
}

export function StopSearch({ clustering }) {
  const [busy, setBusy] = useState(false);
  if (!isSearching(clustering) || !mayWrite.value) return null;
  const stop = async () => {
    const yes = await confirm({ title: "Stop looking?", body: "What was found so far is dropped, and no playlists are proposed. Your playlists stay as they are.", yes: "Stop it", no: "Go on", loss: true });
    if (!yes) return;
    setBusy(true);
    await cancelClustering(clustering).catch(sayProblem);
    setBusy(false);
  };
  return html`<button type="button" class="button" disabled=${busy} onClick=${stop}>${busy ? "Stopping" : "Stop"}</button>`;
}

/** A search as it goes. `whole` shows its charts too; else the title leads to them. */
export function ClusteringCard({ clustering, whole = false }) {
  const title = searchTitle(clustering);
  return html`<section class="card run-card" aria-label=${title}>
    <header><h2>${whole ? title : html`<a href="/clusterings/${clustering.id}">${title}</a>`}</h2><${StopSearch} clustering=${clustering} /></header>
    <${Line} clustering=${clustering} />
    <${Numbers} clustering=${clustering} />
    ${whole && clustering.warnings?.map((warning) => html`<p key=${warning} class="quiet">${warning}</p>`)}
  </section>`;
}

/** How the search went: the line of its best score, and a line for each way of grouping. */
export function SearchCharts({ clustering }) {
  if (!clustering.evaluated) return null;
  return html`<div class="columns search-charts">
    <div class="stack">
      <section class="card"><h2>Best score, round by round</h2><${ScoreLine} generations=${clustering.generations} /></section>
      ${clustering.best?.score && html`<${ScoreParts} score=${(clustering.winner ?? clustering.best).score} />`}
    </div>
    <section class="card"><h2>By way of grouping</h2><${MethodLines} algorithms=${clustering.algorithms} /></section>
  </div>`;
}

const PARTS = [
  ["separation", "Groups stand apart", "songs of one playlist are closer to each other than to the rest"],
  ["purity", "One style each", "songs of one playlist share their tags"],
  ["diversity", "Playlists differ", "no two playlists are alike"],
  ["coverage", "Songs used", "share of the library that has a place"],
  ["sizes", "Good lengths", "playlists are as long as you asked for"],
];

function ScoreParts({ score }) {
  return html`<section class="card"><h2>What the score is made of</h2>
    <ul class="bars methods">${PARTS.map(([key, name, about]) => html`<li key=${key} class="bar" title=${about}><span class="bar-name">${name}</span><span class="bar-line"><i style=${{ "--value": score[key] }} /></span><span class="bar-value">${outOf100(score[key])}</span><span class="bar-note">${about}</span></li>`)}</ul>
    <p class="quiet">${plural(score.clusters, "group")}, ${outOf100(score.unassigned)} % of the songs in none.</p>
  </section>`;
}
