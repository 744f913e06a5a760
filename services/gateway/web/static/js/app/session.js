// Who uses this page, and what Starling asks of them first.

import { batch, effect, signal } from "./view.js";
import { get, post, remove, signedOut } from "./api.js";
import { outward } from "./base.js";
import { forgetLoaded } from "./load.js";

const WAITING = new Set(["set_up", "signed_out"]);

/**
 * What GET /session says; null before the first answer.
 * @type {{value: null | {state: "open" | "set_up" | "signed_out" | "signed_in", ways: string[], code_needed: boolean, name: string | null, account_id: string | null, role: string | null, right: string | null}}}
 */
export const session = signal(null);
/** True when somebody was here and has to sign in again: their session ended, or somebody else made the first account. */
export const ended = signal(false);

let asking = null;

function take(found) {
  batch(() => {
    const away = WAITING.has(found.state);
    ended.value = away && (ended.value || (session.value !== null && !WAITING.has(session.value.state)));
    session.value = found;
    signedOut.value = away;
  });
}

/** Ask who we are; several at once are one request. */
export function loadSession() {
  asking ??= get("/session")
    .then(take)
    .finally(() => (asking = null));
  return asking;
}

/** Begin a session. @param {{name: string, password: string} | {token: string}} proof */
export async function signIn(proof) {
  await post("/session", proof);
  forgetLoaded();
  await loadSession();
}

/** Make the first account, which is then signed in. @param {{name: string, password: string, code?: string}} owner */
export async function setUp(owner) {
  take(await post("/set-up", owner));
}

/** End the session. The page starts anew: nothing of what it holds is for whoever comes next. */
export async function signOut() {
  await remove("/session");
  window.location.assign(outward("/"));
}

/** Ask again whenever an answer said that we are not known (any more). */
export function startSession() {
  effect(() => {
    if (signedOut.value && !WAITING.has(session.peek()?.state)) loadSession().catch(() => {});
  });
}
