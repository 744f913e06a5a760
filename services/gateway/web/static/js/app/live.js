// The stream of server-sent events, read by hand: heartbeats tell a silent connection from a dead one, and the
// browser's own reader hides them.

import { signal, computed, effect } from "./view.js";
import { outward } from "./base.js";
import { signedOut } from "./api.js";

const SILENCE_MS = 25_000;
const HIDDEN_MS = 60_000;
const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 8_000;

/** @type {{value: "starting" | "live" | "lost" | "asleep"}} */
export const connection = signal("starting");
export const reconnecting = computed(() => connection.value === "lost");

const handlers = new Map();
let lastId = null;
let abort = null;
let wait = FIRST_WAIT_MS;
let hiddenTimer = null;

/** Hear every event of a kind; "open" comes after each (re)connection. @returns a function that ends it */
export function on(kind, handler) {
  if (!handlers.has(kind)) handlers.set(kind, new Set());
  handlers.get(kind).add(handler);
  return () => handlers.get(kind).delete(handler);
}

function tell(kind, data) {
  for (const handler of handlers.get(kind) ?? []) handler(data);
}

/** One block of the stream, the lines between two empty ones. */
function parseBlock(block) {
  const found = { event: "message", data: [], id: null };
  for (const line of block.split(/\r\n|\r|\n/)) {
    const [, field, value] = /^([^:]*):? ?(.*)$/.exec(line);
    if (field === "data") found.data.push(value);
    else if (field === "event") found.event = value;
    else if (field === "id") found.id = value;
  }
  return { ...found, data: found.data.length ? found.data.join("\n") : null };
}

function receive(block) {
  const { event, data, id } = parseBlock(block);
  if (id) lastId = id;
  if (data !== null) tell(event, JSON.parse(data));
}

async function readAll(response, stillThere) {
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    stillThere();
    const blocks = (text + value).split(/\r\n\r\n|\n\n|\r\r/);
    text = blocks.pop();
    blocks.forEach(receive);
  }
}

async function listen() {
  const mine = new AbortController();
  abort = mine;
  let watchdog = null;
  const stillThere = () => {
    clearTimeout(watchdog);
    watchdog = setTimeout(() => mine.abort(), SILENCE_MS);
  };
  try {
    stillThere();
    const headers = { Accept: "text/event-stream", ...(lastId ? { "Last-Event-ID": lastId } : {}) };
    const response = await fetch(outward("/api/v1/live"), { headers, signal: mine.signal });
    if (response.status === 401) signedOut.value = true;
    if (!response.ok) return;
    connection.value = "live";
    wait = FIRST_WAIT_MS;
    tell("open", null);
    await readAll(response, stillThere);
  } catch {
    // A broken connection ends here like one that was closed; the caller tries again.
  } finally {
    clearTimeout(watchdog);
  }
}

/** Resolves once nobody has to sign in (any more). */
function signedIn() {
  return new Promise((resolve) => {
    const stop = effect(() => {
      if (!signedOut.value) queueMicrotask(() => (stop(), resolve()));
    });
  });
}

async function keepListening() {
  while (connection.value !== "asleep") {
    await signedIn();
    await listen();
    if (connection.value === "asleep") return;
    connection.value = "lost";
    await new Promise((resolve) => setTimeout(resolve, wait * (0.75 + Math.random() / 2)));
    wait = Math.min(wait * 2, LONGEST_WAIT_MS);
  }
}

// A browser gives one address six connections, and forgotten tabs would use them up: a hidden tab lets go of its own.
function sleepWhenHidden() {
  clearTimeout(hiddenTimer);
  if (document.hidden) {
    hiddenTimer = setTimeout(() => {
      connection.value = "asleep";
      abort?.abort();
    }, HIDDEN_MS);
  } else if (connection.value === "asleep") {
    connection.value = "starting";
    keepListening();
  }
}

export function startLive() {
  document.addEventListener("visibilitychange", sleepWhenHidden);
  addEventListener("online", () => {
    wait = FIRST_WAIT_MS;
  });
  keepListening();
}
