// A list of any length behind a cursor: pages are loaded as they come into view, and forgotten when far away.

import { signal, batch } from "./view.js";
import { get } from "./api.js";
import { keepForTab, fromTab } from "./memory.js";

const PAGE = 100;
const RUNWAY = 2 * PAGE;
const KEPT_PAGES = 40;

export class PagedTracks {
  /** @param {Record<string, string>} filter query, status, server_id */
  constructor(filter) {
    this.filter = filter;
    this.name = `list:${new URLSearchParams(filter)}`;
    /** @type {Map<number, object[]>} */
    this.pages = new Map();
    /** Where each page begins; one more than the pages that were seen, unless the end was. */
    this.cursors = fromTab(this.name) ?? [null];
    this.end = null;
    this.pending = new Map();
    this.where = new Map();
    this.generation = 0;
    /** How many there are in all; null before the first answer. */
    this.total = signal(null);
    /** Rises with every change of content. */
    this.version = signal(0);
    this.problem = signal(null);
  }

  /** How many rows to make room for: those seen, and a runway to scroll into. */
  get count() {
    if (this.end !== null) return this.end;
    if (this.total.value === null) return RUNWAY / 4;
    return Math.min(Math.max(this.total.value, this.pages.get(0)?.length ?? 0), (this.cursors.length - 1) * PAGE + RUNWAY);
  }

  /** The track at a place, undefined while it is on its way. */
  at(index) {
    return this.pages.get(Math.floor(index / PAGE))?.[index % PAGE];
  }

  /** The same, waiting for it; undefined past the end. */
  async fetch(index) {
    await this.need(index, index);
    return this.at(index);
  }

  /** Load what rows `first` to `last` lie on. */
  async need(first, last) {
    const wanted = Math.floor(Math.max(0, last) / PAGE);
    const from = Math.min(Math.floor(Math.max(0, first) / PAGE), this.cursors.length - 1);
    for (let page = from; page <= wanted && (this.end === null || page * PAGE < this.end); page += 1) {
      if (!this.pages.has(page) && page < this.cursors.length) await this.load(page);
    }
  }

  load(page) {
    if (!this.pending.has(page)) {
      const work = this.request(page).finally(() => this.pending.delete(page));
      this.pending.set(page, work);
    }
    return this.pending.get(page);
  }

  async request(page) {
    const generation = this.generation;
    try {
      const answer = await get("/tracks", { ...this.filter, limit: PAGE, cursor: this.cursors[page] });
      if (generation === this.generation) this.take(page, answer);
    } catch (problem) {
      this.problem.value = problem;
    }
  }

  take(page, { items, next_cursor: next, total }) {
    this.pages.set(page, items);
    items.forEach((track, i) => this.where.set(track.id, page * PAGE + i));
    if (next) {
      this.cursors[page + 1] = next;
      if (this.end !== null && this.end <= (page + 1) * PAGE) this.end = null;
    } else {
      this.end = page * PAGE + items.length;
      this.cursors.length = page + 1;
    }
    this.forgetFarFrom(page);
    keepForTab(this.name, this.cursors);
    batch(() => {
      this.problem.value = null;
      this.total.value = this.end !== null ? this.end : total;
      this.version.value += 1;
    });
  }

  forgetFarFrom(page) {
    const far = [...this.pages.keys()].sort((a, b) => Math.abs(b - page) - Math.abs(a - page));
    for (const other of far.slice(0, Math.max(0, this.pages.size - KEPT_PAGES))) this.pages.delete(other);
  }

  /** Put newer versions of tracks where older ones stand. */
  update(tracks) {
    let changed = false;
    for (const track of tracks) {
      const index = this.where.get(track.id);
      const page = this.pages.get(Math.floor(index / PAGE));
      if (page?.[index % PAGE]?.id !== track.id) continue;
      page[index % PAGE] = track;
      changed = true;
    }
    if (changed) this.version.value += 1;
  }

  /** Read again up to the page of row `last`, showing the old rows until the new ones are there. */
  async refresh(last) {
    const pages = [];
    let cursor = null;
    do {
      const answer = await get("/tracks", { ...this.filter, limit: PAGE, cursor });
      pages.push(answer);
      cursor = answer.next_cursor;
    } while (cursor && pages.length * PAGE <= last);
    this.generation += 1;
    this.pages.clear();
    this.where.clear();
    this.pending.clear();
    this.cursors = [null];
    this.end = null;
    batch(() => pages.forEach((answer, page) => this.take(page, answer)));
  }
}

const KEPT_LISTS = 6;
const lists = new Map();

/** The list for a filter, the same one as before when a listener comes back to it. */
export function tracksFor(filter) {
  const given = Object.fromEntries(Object.entries(filter).filter(([, value]) => value));
  const name = new URLSearchParams(given).toString();
  const list = lists.get(name) ?? new PagedTracks(given);
  lists.delete(name);
  lists.set(name, list);
  if (lists.size > KEPT_LISTS) lists.delete(lists.keys().next().value);
  return list;
}

/** Forget every list, when a library came or went. */
export function forgetLists() {
  lists.clear();
}
