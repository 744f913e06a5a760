// What plays, and through which list. The <audio> element lives beside the pages and survives every navigation.

import { signal, batch } from "./view.js";
import { audioAddress, get } from "./api.js";
import { on } from "./live.js";
import { keepForTab, fromTab, remember, recall } from "./memory.js";
import { toast } from "./toasts.js";

const RESTART_S = 4;

/** @typedef {{at: (index: number) => Promise<object | undefined>, from: string}} Queue */

export const track = signal(null);
export const playing = signal(false);
export const waiting = signal(false);
export const position = signal(0);
export const duration = signal(0);
export const volume = signal(Number(recall("volume") ?? 1));

const audio = document.createElement("audio");
audio.preload = "metadata";
/** @type {Queue} */
let queue = { at: async () => undefined, from: "" };
let index = 0;

/** A queue over a plain array. */
export const queueOf = (tracks, from) => ({ at: async (i) => tracks[i], from });

function load(next) {
  batch(() => {
    track.value = next;
    position.value = 0;
    duration.value = next.duration_s ?? 0;
  });
  audio.src = audioAddress(next.id);
  keepForTab("player", next);
  showOutside(next);
}

function start() {
  // Refused when the listener has not touched the page yet, or cut short by the next song: the button tells.
  audio.play().catch((error) => {
    if (error.name === "NotAllowedError") playing.value = false;
  });
}

/** Play a song; `list` and `i` say where it stands, for next and previous. */
export function play(next, list = queueOf([next], ""), i = 0) {
  queue = list;
  index = i;
  if (track.value?.id !== next.id || audio.error) load(next);
  start();
}

export function toggle() {
  if (!track.value) return;
  if (audio.paused) {
    if (audio.error) load(track.value);
    start();
  } else audio.pause();
}

/** Play this one, or pause it if it is the one that plays. */
export function playOrPause(next, list, i) {
  if (track.value?.id === next.id) toggle();
  else play(next, list, i);
}

async function step(by) {
  const next = index + by >= 0 ? await queue.at(index + by) : undefined;
  if (!next) return false;
  index += by;
  load(next);
  start();
  return true;
}

export const next = () => step(1);

/** The song before, or the beginning of this one when it has been playing for a while. */
export async function previous() {
  if (audio.currentTime > RESTART_S || !(await step(-1))) seek(0);
}

export function seek(seconds) {
  audio.currentTime = seconds;
  position.value = seconds;
}

export function setVolume(value) {
  volume.value = value;
  audio.volume = value;
  remember("volume", String(value));
}

async function explainFailure() {
  const failed = track.value;
  playing.value = false;
  if (!failed || !audio.getAttribute("src")) return;
  let why = "The browser cannot play this kind of file.";
  try {
    const answer = await fetch(audioAddress(failed.id), { headers: { Range: "bytes=0-0" } });
    if (!answer.ok) why = (await answer.json()).detail;
  } catch {
    why = "Starling does not answer.";
  }
  toast(`“${failed.title}” does not play. ${why}`, { tone: "bad" });
}

function showOutside(current) {
  if (!navigator.mediaSession) return;
  navigator.mediaSession.metadata = new MediaMetadata({
    title: current.title,
    artist: current.artist ?? "",
    album: current.album ?? "",
  });
}

function listenOutside() {
  if (!navigator.mediaSession) return;
  const answers = { play: toggle, pause: toggle, nexttrack: next, previoustrack: previous };
  for (const [action, answer] of Object.entries(answers)) navigator.mediaSession.setActionHandler(action, () => answer());
}

// After a reload the song is still there, at rest. It may be gone from the library meanwhile.
async function takeUp() {
  const last = fromTab("player");
  if (!last) return;
  try {
    load(await get(`/tracks/${last.id}`));
  } catch (problem) {
    if (problem.status === 404) keepForTab("player", null);
  }
}

export function startPlayer(into) {
  into.append(audio);
  audio.volume = volume.value;
  audio.addEventListener("play", () => (playing.value = true));
  audio.addEventListener("pause", () => (playing.value = false));
  audio.addEventListener("waiting", () => (waiting.value = true));
  audio.addEventListener("playing", () => (waiting.value = false));
  audio.addEventListener("timeupdate", () => (position.value = audio.currentTime));
  audio.addEventListener("durationchange", () => {
    if (Number.isFinite(audio.duration)) duration.value = audio.duration;
  });
  audio.addEventListener("ended", next);
  audio.addEventListener("error", explainFailure);
  // What plays may get its sound while it plays.
  on("tracks", ({ analysed }) => {
    track.value = analysed.find((newer) => newer.id === track.value?.id) ?? track.value;
  });
  listenOutside();
  takeUp();
}
