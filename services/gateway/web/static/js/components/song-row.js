import { html } from "../app/view.js";
import { artistOf, bpm, byLine, clock, keyName, keyShort } from "../app/format.js";
import { explain } from "../app/reasons.js";
import { PlayTile, playState } from "./play-button.js";
import { SoundStrip } from "./sound-strip.js";
import { Chips } from "./tags.js";

function Standing({ track }) {
  if (track.gone) return html`<span class="row-state">not in your library any more</span>`;
  if (track.status === "failed") return html`<span class="row-state is-bad" title=${track.failure?.detail}>${explain(track.failure?.reason).title}</span>`;
  return html`<span class="row-state">not analysed yet</span>`;
}

/**
 * One song in a list. The title's link covers the row, so that a click anywhere opens the song; the tile plays it.
 * `lead` and `why` are for lists of similar songs; `mark` stands beside the title and `tail` at the end, for playlists.
 */
export function SongRow({ track, queue, index, why, lead, mark, tail, place }) {
  const { isCurrent } = playState(track);
  const facts = track.analysis ?? track.imported;
  return html`<div class="song ${isCurrent ? "is-current" : ""} ${why ? "song-why" : ""} ${track.gone ? "is-gone" : ""} ${tail ? "song-tailed" : ""}" role="listitem" data-song=${track.id} style=${place}
    aria-setsize=${why ? undefined : -1} aria-posinset=${index + 1}>
    <${PlayTile} track=${track} queue=${queue} index=${index} />
    <div class="song-words">
      <a class="song-title" href="/tracks/${track.id}" data-row aria-current=${isCurrent ? "true" : undefined}>${track.title}</a>${mark}
      <span class="song-by">${byLine(track) || artistOf(track)}</span>
      ${why && html`<span class="song-reason">${why}</span>`}
    </div>
    ${lead}
    <div class="song-tags">${facts && !track.gone ? html`<${Chips} tags=${track.top_tags.slice(0, 3)} />` : html`<${Standing} track=${track} />`}</div>
    <${SoundStrip} strip=${track.mood_strip} />
    <span class="song-number song-tempo">${facts ? html`${bpm(facts.tempo_bpm)}${facts.tempo_bpm && html`<small> BPM</small>`}` : ""}</span>
    <span class="song-number song-key" title=${facts ? keyName(facts.key, facts.scale) : ""}>${facts ? keyShort(facts.key, facts.scale) : ""}</span>
    <span class="song-number song-time">${clock(facts?.duration_s ?? track.duration_s)}</span>
    ${tail}
  </div>`;
}

/** The place of a song that is on its way. */
export const SongGhost = ({ place }) =>
  html`<div class="song song-ghost" style=${place} aria-hidden="true">
    <span class="ghost ghost-tile" />
    <span class="song-words"><span class="ghost ghost-title" /><span class="ghost ghost-by" /></span>
  </div>`;
