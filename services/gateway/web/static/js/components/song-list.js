import { html, useEffect, useLayoutEffect, useRef, useState } from "../app/view.js";
import { SongGhost, SongRow } from "./song-row.js";

export const ROW = 64;
const SPARE = 8;

/** Which rows of the list the window shows, and a few on each side. */
function rowsInView(box, count) {
  const top = box.getBoundingClientRect().top;
  const first = Math.max(0, Math.floor(-top / ROW) - SPARE);
  const last = Math.min(count - 1, Math.ceil((window.innerHeight - top) / ROW) + SPARE);
  return [Math.min(first, Math.max(0, count - 1)), Math.max(last, 0)];
}

/** The rows in view, followed while the window scrolls or changes size. */
export function useRowsInView(box, count) {
  const [range, setRange] = useState([0, 20]);
  useLayoutEffect(() => {
    let frame = 0;
    const look = () => {
      frame = 0;
      if (!box.current) return;
      const now = rowsInView(box.current, count);
      setRange((before) => (before[0] === now[0] && before[1] === now[1] ? before : now));
    };
    const soon = () => (frame ||= requestAnimationFrame(look));
    look();
    addEventListener("scroll", soon, { passive: true });
    addEventListener("resize", soon);
    return () => {
      cancelAnimationFrame(frame);
      removeEventListener("scroll", soon);
      removeEventListener("resize", soon);
    };
  }, [count]);
  return range;
}

/**
 * Songs of a PagedTracks, as many as there are: only those in view exist as elements.
 * @param {{list: import("../app/paged.js").PagedTracks, onRange?: (first: number, last: number) => void}} props
 */
export function SongList({ list, onRange }) {
  const box = useRef(null);
  list.version.value;
  const { count } = list;
  const [first, last] = useRowsInView(box, count);
  useEffect(() => {
    list.need(first, last + SPARE);
    onRange?.(first, last);
  }, [list, first, last, count]);
  const queue = { at: (i) => list.fetch(i), from: "Library" };
  const rows = [];
  for (let i = first; i <= last && i < count; i += 1) {
    const place = { transform: `translateY(${i * ROW}px)` };
    const track = list.at(i);
    rows.push(
      track
        ? html`<${SongRow} key=${track.id} track=${track} queue=${queue} index=${i} place=${place} />`
        : html`<${SongGhost} key=${`ghost${i}`} place=${place} />`,
    );
  }
  return html`<div class="songs songs-virtual" role="list" aria-label="Songs" ref=${box} style=${{ height: `${count * ROW}px` }}>${rows}</div>`;
}

/** The names of the columns, for wide screens; readers of the page hear them in each row. */
export const SongColumns = () => html`<div class="song-columns" aria-hidden="true">
  <span class="col-song">Song</span>
  <span class="song-tags">Sounds like</span>
  <span class="col-strip">Sound</span>
  <span class="song-number song-tempo">Tempo</span>
  <span class="song-number song-key">Key</span>
  <span class="song-number song-time">Time</span>
</div>`;
