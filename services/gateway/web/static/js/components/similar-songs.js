import { html, useEffect } from "../app/view.js";
import { get } from "../app/api.js";
import { useLoad } from "../app/load.js";
import { queueOf } from "../app/player.js";
import { closeness, closenessWord } from "../app/sound.js";
import { SongRow } from "./song-row.js";
import { ErrorCard, Ghosts } from "./states.js";

const HOW_MANY = 20;
const RETRY_MS = 1500;

/** How close a song is, as a line and a number: 100 is the same sound. */
function Closeness({ distance }) {
  const value = Math.round(closeness(distance) * 100);
  return html`<span class="closeness" title="Distance ${distance.toFixed(3)}">
    <span class="closeness-line" aria-hidden="true"><i style=${{ "--value": value / 100 }} /></span>
    <span class="closeness-words"><b>${value}</b><span class="unseen"> of 100, </span><small>${closenessWord(distance)}</small></span>
  </span>`;
}

/** The songs that sound most like this one, each with its reason. */
export function SimilarSongs({ track }) {
  const { data, problem, reload } = useLoad(`similar:${track.id}`, (abort) => get(`/tracks/${track.id}/similar`, { n: HOW_MANY }, abort));
  const gettingReady = problem?.status === 503 || problem?.reason === "not_analysed";
  useEffect(() => {
    if (!gettingReady) return undefined;
    const timer = setTimeout(reload, RETRY_MS);
    return () => clearTimeout(timer);
  }, [problem]);
  const queue = data && queueOf(data.items.map((item) => item.track), `Similar to ${track.title}`);
  return html`<section class="similar" aria-label="Similar songs">
    <h2>Similar songs</h2>
    ${problem && !data && !gettingReady && html`<${ErrorCard} problem=${problem} onRetry=${reload} />`}
    ${gettingReady && !data && html`<p class="quiet" role="status">Getting ready to compare songs. This takes a moment after a start.</p>`}
    ${!data && !problem && html`<${Ghosts} />`}
    ${data && data.items.length === 0 && html`<p class="quiet">No other song has been analysed yet. They appear here as the analysis goes on.</p>`}
    ${data && data.items.length > 0 &&
    html`<div class="songs" role="list" aria-label="Similar songs">
      ${data.items.map(
        ({ track: other, distance, why }, i) => html`<${SongRow} key=${other.id} track=${other} queue=${queue} index=${i} why=${why} lead=${html`<${Closeness} distance=${distance} />`} />`,
      )}
    </div>`}
  </section>`;
}
