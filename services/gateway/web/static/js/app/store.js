// What several pages look at: libraries, runs, and what the live stream says about them.

import { signal, computed, batch, effect } from "./view.js";
import { get, once, post, remove, signedOut } from "./api.js";
import { on } from "./live.js";
import { loadSession } from "./session.js";

const ACTIVE = new Set(["requested", "running", "paused"]);
const STATUS_MS = 15_000;

/** @type {{value: object[] | null}} null until the first answer */
export const servers = signal(null);
/** Runs this page has heard of, by id. */
export const runs = signal(new Map());
export const status = signal(null);
export const bootProblem = signal(null);
/** Runs that ended while the page was looking, newest last: they get a closing word in the library. */
export const justEnded = signal([]);

export const isActive = (run) => ACTIVE.has(run.state);
export const activeRuns = computed(() => [...runs.value.values()].filter(isActive));
export const serverName = (id) => servers.value?.find((server) => server.id === id)?.name ?? "a removed library";

/** Take in what is known about runs, from a list or from the stream. */
export function noteRuns(...news) {
  const known = new Map(runs.value);
  const ended = news.filter((run) => known.has(run.id) && isActive(known.get(run.id)) && !isActive(run));
  for (const run of news) known.set(run.id, run);
  batch(() => {
    runs.value = known;
    if (ended.length) justEnded.value = [...justEnded.value, ...ended.map((run) => run.id)];
    // What was counted before is wrong now, and says nothing until it is counted again.
    if (ended.length && status.value) status.value = { ...status.value, tracks: null };
  });
  if (ended.length) loadStatus().catch(() => {});
}

export function dismissEnded(id) {
  justEnded.value = justEnded.value.filter((other) => other !== id);
}

export async function loadServers(after) {
  servers.value = (await get("/servers", { after })).items;
}

export async function loadStatus() {
  status.value = await get("/status");
}

/** Ask for an analysis. @returns the run's id */
export async function startAnalysis(wanted) {
  const answer = await post("/analysis", wanted, once());
  const run = await get(`/runs/${answer.run_id}`, { after: answer.position });
  noteRuns(run);
  return answer.run_id;
}

/** cancel, pause or resume. The run shows its new state at once and is set right by the stream. */
export async function steerRun(run, verb) {
  const expected = { cancel: "cancelled", pause: "paused", resume: "running" }[verb];
  if (verb !== "cancel") noteRuns({ ...run, state: expected });
  try {
    const { position } = await post(`/runs/${run.id}/${verb}`);
    noteRuns(await get(`/runs/${run.id}`, { after: position }));
  } catch (problem) {
    if (verb !== "cancel") noteRuns(run);
    throw problem;
  }
}

export async function removeServer(server) {
  const before = servers.value;
  servers.value = before.filter((other) => other.id !== server.id);
  try {
    const { position } = await remove(`/servers/${server.id}`);
    await loadServers(position);
  } catch (problem) {
    servers.value = before;
    throw problem;
  }
}

/** First answers the page needs. Never throws: what failed is in `bootProblem`. */
export async function boot() {
  bootProblem.value = null;
  try {
    await Promise.all([loadSession(), loadServers()]);
  } catch (problem) {
    bootProblem.value = problem;
    return;
  }
  loadStatus().catch(() => {});
}

export function startStore() {
  on("run", (run) => noteRuns(run));
  on("servers", ({ items }) => {
    servers.value = items;
  });
  let away = false;
  effect(() => {
    if (away && !signedOut.value) queueMicrotask(boot);
    away = signedOut.value;
  });
  let first = true;
  on("open", async () => {
    // The page has just asked for everything itself when the stream opens for the first time.
    if (!first) await boot();
    first = false;
    // A run may have ended while nobody listened.
    for (const run of activeRuns.value) get(`/runs/${run.id}`).then(noteRuns, () => {});
  });
  setInterval(() => document.hidden || signedOut.value || loadStatus().catch(() => {}), STATUS_MS);
}
