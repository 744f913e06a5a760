import { html } from "../app/view.js";
import { Tile } from "./tile.js";

/** Four different places spread over the list, so that the picture says something about all of it. */
function pick(tracks) {
  if (tracks.length < 4) return tracks.slice(0, 1);
  return [0, 1, 2, 3].map((i) => tracks[Math.floor(((i + 0.5) * tracks.length) / 4)]);
}

/** The cover of a playlist: tiles of four of its songs. `name` stands in where no song is known. */
export function Mosaic({ tracks, name, size = "small" }) {
  const shown = pick(tracks ?? []);
  const tiles = shown.length ? shown : [{ id: name, mood_strip: null }];
  return html`<div class="mosaic mosaic-${size} ${tiles.length === 4 ? "mosaic-four" : ""}" aria-hidden="true">${tiles.map((track) => html`<${Tile} key=${track.id} track=${track} size="fill" />`)}</div>`;
}
