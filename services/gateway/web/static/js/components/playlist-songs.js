import { html, useRef, useState } from "../app/view.js";
import { changes } from "../app/playlists.js";
import { queueOf } from "../app/player.js";
import { mayWrite } from "../app/rights.js";
import { navigate } from "../app/router.js";
import { Icon } from "./icon.js";
import { MenuButton } from "./menu.js";
import { ROW, useRowsInView } from "./song-list.js";
import { SongRow } from "./song-row.js";

const within = (value, count) => Math.max(0, Math.min(count - 1, value));

/** Follows a row from where it was taken to where it is let go. Touch and pen work as the mouse does. */
function useDragging(count, onMove) {
  const [drag, setDrag] = useState(null);
  const to = (event, from) => within(from + Math.round((event.pageY - from * ROW - event.currentTarget.dataset.top) / ROW), count);
  const take = (index) => (event) => {
    if (event.button !== 0) return;
    event.currentTarget.setPointerCapture(event.pointerId);
    event.currentTarget.dataset.top = event.pageY - index * ROW;
    setDrag({ from: index, to: index });
  };
  const follow = (event) => drag && setDrag({ ...drag, to: to(event, drag.from) });
  const drop = () => {
    if (drag && drag.to !== drag.from) onMove(drag.from, drag.to);
    setDrag(null);
  };
  return { drag, handle: (index) => ({ onPointerDown: take(index), onPointerMove: follow, onPointerUp: drop, onPointerCancel: () => setDrag(null) }) };
}

/** Where a row stands while another one is dragged past it. */
function shifted(index, drag) {
  if (!drag || drag.from === drag.to) return index;
  if (index === drag.from) return drag.to;
  if (drag.from < drag.to) return index > drag.from && index <= drag.to ? index - 1 : index;
  return index >= drag.to && index < drag.from ? index + 1 : index;
}

const FOCUS_MS = 60;

/** The focus goes on from what was moved or taken away, once the rows are drawn again. */
function focusSoon(find) {
  setTimeout(() => document.activeElement === document.body && find()?.focus({ preventScroll: true }), FOCUS_MS);
}

const rowOf = (id) => document.querySelector(`.playlist-page [data-song="${id}"] [data-row]`);

function menuFor(playlist, track, index, apply) {
  const like = !track.gone && { label: "Songs like it", icon: "note", run: () => navigate(`/tracks/${track.id}`) };
  if (!mayWrite.value) return [like];
  const pinned = playlist.pinned.includes(track.id);
  const last = playlist.tracks.length - 1;
  const move = (to) => () => apply(changes.move(playlist, index, to));
  const take = (what) => () => {
    apply(what(playlist));
    focusSoon(() => rowOf((playlist.tracks[index + 1] ?? playlist.tracks[index - 1])?.id));
  };
  return [
    index > 0 && { label: "Move up", icon: "up", run: move(index - 1) },
    index < last && { label: "Move down", icon: "down", run: move(index + 1) },
    index > 0 && { label: "Move to the beginning", icon: "up", run: move(0) },
    { label: pinned ? "Pin no longer" : "Pin: keep it in every refresh", icon: "pin", run: () => apply(changes.pin(playlist, track)) },
    { label: "Remove from the playlist", icon: "close", run: take((list) => changes.removeSong(list, track)) },
    { label: "Never put it in again", icon: "trash", run: take((list) => changes.exclude(list, track)) },
    track.artist && { label: `Nothing by ${track.artist}`, icon: "trash", run: take((list) => changes.excludeArtist(list, track.artist)) },
    like,
  ].filter(Boolean);
}

const keyFor = (track, index, tracks) => (tracks.findIndex((other) => other.id === track.id) === index ? track.id : `${track.id}-${index}`);

function Row({ playlist, track, index, queue, place, apply, handle }) {
  const mark = html`${playlist.pinned.includes(track.id) && html`<span class="song-mark" title="Pinned"><${Icon} name="pin" size=${16} /><span class="unseen">pinned</span></span>`}${track.gone && html`<span class="song-mark" title="Not in your library any more"><${Icon} name="alert" size=${16} /><span class="unseen">not in your library any more</span></span>`}`;
  const tail = html`<span class="song-tail">
    ${mayWrite.value && html`<span class="grip" title="Drag to another place" aria-hidden="true" ...${handle}><${Icon} name="grip" /></span>`}
    ${(mayWrite.value || !track.gone) && html`<${MenuButton} label="What to do with ${track.title}" items=${() => menuFor(playlist, track, index, apply)} />`}
  </span>`;
  return html`<${SongRow} track=${track} queue=${queue} index=${index} place=${place} mark=${mark} tail=${tail} />`;
}

/** Alt with an arrow moves the song that has the focus. */
const moveKeys = (playlist, apply) => (event) => {
  const by = { ArrowUp: -1, ArrowDown: 1 }[event.key];
  const row = event.target.closest("[data-row]");
  if (!by || !event.altKey || !row || !mayWrite.value) return;
  event.preventDefault();
  const index = Number(row.closest("[data-song]").getAttribute("aria-posinset")) - 1;
  if (within(index + by, playlist.tracks.length) !== index + by) return;
  apply(changes.move(playlist, index, index + by));
  focusSoon(() => rowOf(playlist.tracks[index].id));
};

/** The songs of a playlist in their order; only those in view exist as elements. */
export function PlaylistSongs({ playlist, apply }) {
  const box = useRef(null);
  const { tracks } = playlist;
  const [first, last] = useRowsInView(box, tracks.length);
  const { drag, handle } = useDragging(tracks.length, (from, to) => apply(changes.move(playlist, from, to)));
  const queue = queueOf(tracks, playlist.name);
  const rows = [];
  for (let i = first; i <= last && i < tracks.length; i += 1) {
    const place = { transform: `translateY(${shifted(i, drag) * ROW}px)`, ...(drag?.from === i ? { zIndex: 2 } : {}) };
    rows.push(html`<${Row} key=${keyFor(tracks[i], i, tracks)} playlist=${playlist} track=${tracks[i]} index=${i} queue=${queue} place=${place} apply=${apply} handle=${handle(i)} />`);
  }
  return html`<div class="songs songs-virtual ${drag ? "is-dragging" : ""}" role="list" aria-label="Songs" ref=${box} style=${{ height: `${tracks.length * ROW}px` }} onKeyDown=${moveKeys(playlist, apply)}>${rows}</div>`;
}
