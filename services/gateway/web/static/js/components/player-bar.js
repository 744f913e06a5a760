import { html } from "../app/view.js";
import { clock, artistOf } from "../app/format.js";
import { duration, next, playing, position, previous, seek, setVolume, toggle, track, volume, waiting } from "../app/player.js";
import { Icon } from "./icon.js";
import { Tile } from "./tile.js";

function Seek() {
  const [at, length] = [position.value, duration.value || 0];
  return html`<div class="seek">
    <span class="seek-time">${clock(at)}</span>
    <input class="range" type="range" min="0" max=${Math.max(length, 1)} step="1" value=${Math.round(at)} aria-label="Position"
      aria-valuetext="${clock(at)} of ${clock(length)}" style=${{ "--value": length ? at / length : 0 }} onInput=${(event) => seek(Number(event.target.value))} />
    <span class="seek-time">${clock(length)}</span>
  </div>`;
}

function Volume() {
  const silent = volume.value === 0;
  return html`<div class="volume">
    <button type="button" class="icon-button" aria-label=${silent ? "Sound on" : "Sound off"} onClick=${() => setVolume(silent ? 1 : 0)}><${Icon} name=${silent ? "muted" : "volume"} /></button>
    <input class="range" type="range" min="0" max="1" step="0.02" value=${volume.value} aria-label="Volume" style=${{ "--value": volume.value }}
      onInput=${(event) => setVolume(Number(event.target.value))} />
  </div>`;
}

/** Stays at the foot of every page from the first song on. */
export function PlayerBar() {
  const song = track.value;
  if (!song) return null;
  const label = playing.value ? "Pause" : "Play";
  return html`<section class="player" aria-label="Player">
    <div class="player-song">
      <${Tile} track=${song} />
      <div class="player-words">
        <a href="/tracks/${song.id}">${song.title}</a>
        <span>${artistOf(song)}</span>
      </div>
    </div>
    <div class="player-controls">
      <button type="button" class="icon-button" aria-label="Previous song" onClick=${previous}><${Icon} name="previous" size=${24} /></button>
      <button type="button" class="player-play ${waiting.value && playing.value ? "is-waiting" : ""}" aria-label=${label} onClick=${toggle}><${Icon} name=${playing.value ? "pause" : "play"} size=${24} /></button>
      <button type="button" class="icon-button" aria-label="Next song" onClick=${next}><${Icon} name="next" size=${24} /></button>
    </div>
    <${Seek} />
    <${Volume} />
  </section>`;
}
