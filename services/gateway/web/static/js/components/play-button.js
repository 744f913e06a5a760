import { html } from "../app/view.js";
import { track as current, playing, playOrPause } from "../app/player.js";
import { Icon } from "./icon.js";
import { Tile } from "./tile.js";

/** Is this the song in the player, and is it sounding? */
export function playState(track) {
  const isCurrent = current.value?.id === track.id;
  return { isCurrent, isPlaying: isCurrent && playing.value };
}

/** A song's tile that plays it. */
export function PlayTile({ track, queue, index, size = "small" }) {
  const { isCurrent, isPlaying } = playState(track);
  const name = `${isPlaying ? "Pause" : "Play"} ${track.title}`;
  return html`<button type="button" class="play-tile ${isCurrent ? "is-current" : ""} ${isPlaying ? "is-playing" : ""}" data-play
    aria-label=${name} onClick=${() => playOrPause(track, queue, index)}>
    <${Tile} track=${track} size=${size}>
      <span class="play-veil"><${Icon} name=${isPlaying ? "pause" : "play"} size=${size === "small" ? 22 : 40} /></span>
      ${isPlaying && html`<span class="dance" aria-hidden="true"><i /><i /><i /></span>`}
    <//>
  </button>`;
}
