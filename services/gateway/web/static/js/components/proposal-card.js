import { html, useState } from "../app/view.js";
import { get } from "../app/api.js";
import { plural } from "../app/format.js";
import { useLoad } from "../app/load.js";
import { play, queueOf } from "../app/player.js";
import { mayWrite } from "../app/rights.js";
import { FactChips, factsInWords, lengthWords } from "./playlist-facts.js";
import { Icon } from "./icon.js";
import { Mosaic } from "./mosaic.js";
import { SongRow } from "./song-row.js";

/** What keeping it would do to a playlist that is there already. */
export function difference(proposal, playlist) {
  const [now, then] = [new Set(playlist.tracks.map((track) => track.id)), new Set(proposal.tracks.map((track) => track.id))];
  const come = proposal.tracks.filter((track) => !now.has(track.id));
  const go = playlist.tracks.filter((track) => !then.has(track.id) && !playlist.pinned.includes(track.id));
  return { come, go, stay: playlist.tracks.length - go.length };
}

function differenceWords({ come, go, stay }) {
  if (!come.length && !go.length) return "the same songs as now";
  return [come.length && `${plural(come.length, "song")} new`, go.length && `${plural(go.length, "song")} out`, `${stay} stay`].filter(Boolean).join(", ");
}

/** Which playlist it would refresh, and what would change in it. */
function Recognised({ proposal }) {
  const { data } = useLoad(`playlist:${proposal.recognised}`, (abort) => get(`/playlists/${proposal.recognised}`, null, abort));
  if (!data) return html`<p class="recognised"><${Icon} name="retry" size=${18} /><span>Refreshes one of your playlists</span></p>`;
  const link = html`<a href="/playlists/${data.id}">${data.name}</a>`;
  if (data.locked) return html`<p class="recognised"><${Icon} name="lock" size=${18} /><span>Like ${link}, which is locked and stays as it is</span></p>`;
  return html`<p class="recognised"><${Icon} name="retry" size=${18} /><span>Refreshes ${link}: ${differenceWords(difference(proposal, data))}</span></p>`;
}

function Songs({ proposal }) {
  const queue = queueOf(proposal.tracks, proposal.name);
  return html`<div class="songs" role="list" aria-label="Songs of ${proposal.name}">
    ${proposal.tracks.map((track, i) => html`<${SongRow} key=${track.id} track=${track} queue=${queue} index=${i} />`)}
  </div>`;
}

/** A playlist that was found: what it is like, its songs to hear, and a tick to choose it. */
export function ProposalCard({ proposal, chosen, onChoose }) {
  const [open, setOpen] = useState(false);
  const id = `proposal-${proposal.number}`;
  const facts = proposal.facts;
  const artists = facts.artists ? ` · ${plural(facts.artists, "artist")}` : "";
  return html`<li class="card proposal ${chosen ? "is-chosen" : ""} ${open ? "is-open" : ""}" aria-labelledby=${id}>
    <div class="proposal-head">
      <button type="button" class="mosaic-play" aria-label="Play ${proposal.name}" onClick=${() => play(proposal.tracks[0], queueOf(proposal.tracks, proposal.name), 0)}>
        <${Mosaic} tracks=${proposal.tracks} name=${proposal.name} size="medium" /><span class="play-veil"><${Icon} name="play" size=${28} /></span>
      </button>
      <div class="proposal-words">
        <h3 id=${id}>${proposal.name}</h3>
        <p class="proposal-why">${factsInWords(facts)}</p>
        <${FactChips} facts=${facts} tracks=${proposal.tracks} />
        <p class="quiet proposal-size">${lengthWords(plural(proposal.track_count, "song"), proposal.duration_s)}${artists}</p>
      </div>
      ${mayWrite.value && html`<label class="proposal-tick"><input type="checkbox" checked=${chosen} aria-label="Choose ${proposal.name}" onChange=${() => onChoose(!chosen)} /></label>`}
    </div>
    ${proposal.recognised && html`<${Recognised} proposal=${proposal} />`}
    <button type="button" class="button button-plain proposal-more" aria-expanded=${open} onClick=${() => setOpen(!open)}>${open ? "Hide the songs" : `Show ${plural(proposal.track_count, "song")}`}<${Icon} name=${open ? "up" : "down"} size=${18} /></button>
    ${open && html`<${Songs} proposal=${proposal} />`}
  </li>`;
}
