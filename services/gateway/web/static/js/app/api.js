// The HTTP side of Starling. Every answer that is not a success becomes a Problem.

import { signal } from "./view.js";
import { outward } from "./base.js";

const API = outward("/api/v1");
const NOT_THERE_YET_TRIES = 4;

/** True once the API asked who we are; app/session.js finds out what there is to do. */
export const signedOut = signal(false);

/** What went wrong, in the API's own words (RFC 9457). `status` is 0 when nobody answered. */
class Problem extends Error {
  constructor(status, body, retryAfter = null) {
    super(body.detail || body.title || `The answer was ${status}.`);
    this.status = status;
    this.title = body.title || "Something went wrong";
    this.detail = body.detail || "";
    this.reason = body.reason ?? null;
    /** Seconds to wait before another try; null where nothing was said. */
    this.retryAfter = retryAfter;
    /** @type {{field: string, detail: string}[]} */
    this.errors = body.errors ?? [];
    this.body = body;
  }

  /** The message for one field of a form, if there is one. */
  forField(name) {
    return this.errors.find((error) => error.field === name || error.field.endsWith(`.${name}`))?.detail ?? null;
  }
}

const noAnswer = () =>
  new Problem(0, {
    title: "Starling does not answer",
    detail: "The page could not reach Starling. Check that it is still running, then try again.",
    reason: "no_answer",
  });

async function problemOf(response) {
  let body = {};
  try {
    body = await response.json();
  } catch {
    body = { title: "Unexpected answer", detail: `Starling answered ${response.status} ${response.statusText}.` };
  }
  const wait = response.headers.get("Retry-After");
  return new Problem(response.status, body, wait === null ? null : Number(wait));
}

function address(path, query) {
  const given = Object.entries(query ?? {}).filter(([, value]) => value !== null && value !== undefined && value !== "");
  const search = new URLSearchParams(given).toString();
  return API + path + (search ? `?${search}` : "");
}

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/**
 * @param {string} method
 * @param {string} path below /api/v1
 * @param {{query?: object, body?: any, raw?: boolean, signal?: AbortSignal, headers?: object}} [options] `raw` sends the body as it is
 * @returns {Promise<any>} the JSON answer, null if there is none. Throws Problem; an abort throws AbortError.
 */
async function call(method, path, { query, body, raw, signal: abort, headers } = {}) {
  for (let attempt = 1; ; attempt += 1) {
    let response;
    try {
      response = await fetch(address(path, query), {
        method,
        signal: abort,
        headers: { Accept: "application/json", ...(body && !raw ? { "Content-Type": "application/json" } : {}), ...headers },
        body: body && !raw ? JSON.stringify(body) : body,
      });
    } catch (error) {
      if (error.name === "AbortError") throw error;
      throw noAnswer();
    }
    if (response.ok) return response.status === 204 ? null : response.json();
    const problem = await problemOf(response);
    if (problem.reason === "not_there_yet" && attempt < NOT_THERE_YET_TRIES) {
      await pause(1000 * (problem.retryAfter ?? 1));
      continue;
    }
    if (problem.reason === "not_signed_in" || problem.reason === "set_up_needed") signedOut.value = true;
    throw problem;
  }
}

export const get = (path, query, abort) => call("GET", path, { query, signal: abort });
export const post = (path, body = {}, headers = {}, abort = undefined) => call("POST", path, { body, headers, signal: abort });
export const patch = (path, body) => call("PATCH", path, { body });
export const put = (path, body) => call("PUT", path, { body });
export const remove = (path, query) => call("DELETE", path, { query });
/** Send a file as it is. */
export const upload = (path, query, file) => call("POST", path, { query, body: file, raw: true, headers: { "Content-Type": "application/octet-stream" } });

/** A header that makes a request happen once, however often it is sent. */
export const once = () => ({ "Idempotency-Key": crypto.randomUUID?.() ?? String(Math.random()) });

export const audioAddress = (trackId) => `${API}/tracks/${trackId}/audio`;
export const exportAddress = (playlistId, format) => `${API}/playlists/${playlistId}/export?format=${format}`;
