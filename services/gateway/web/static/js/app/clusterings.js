// Searches for playlists ("clusterings" in the API): those under way, and what the stream says about them.

import { batch, computed, signal } from "./view.js";
import { get, once, post } from "./api.js";
import { on } from "./live.js";
import { explain } from "./reasons.js";

const ACTIVE = new Set(["requested", "running", "composing"]);

/** Those this page has heard of, by id. */
export const clusterings = signal(new Map());
export const isSearching = (one) => ACTIVE.has(one.state);
export const activeClusterings = computed(() => [...clusterings.value.values()].filter(isSearching));

export const METHODS = {
  kmeans: "K-means",
  minibatch_kmeans: "K-means in batches",
  gmm: "Gaussian mixtures",
  spectral: "Spectral",
  hdbscan: "HDBSCAN",
  dbscan: "DBSCAN",
};

/** A score 0..1 as a person would say it. */
export function scoreWord(total) {
  if (total >= 0.7) return "very good";
  if (total >= 0.55) return "good";
  return total >= 0.4 ? "fair" : "weak";
}

/** Why there are no playlists, in one or two sentences. */
export function failureWords({ reason, detail }) {
  const { title, advice } = explain(reason);
  if (reason === "no_tracks") return detail || "There are no analysed songs to make playlists of.";
  return `${title}. ${detail || advice}`;
}

/** Take in what is known, from an answer or from the stream. */
export function noteClusterings(...news) {
  const known = new Map(clusterings.value);
  for (const one of news) known.set(one.id, one);
  clusterings.value = known;
}

/** @returns {Promise<string>} the id of the search */
export async function startClustering(options) {
  const answer = await post("/clusterings", options, once());
  const id = answer.clustering_id;
  noteClusterings(await get(`/clusterings/${id}`, { after: answer.position }));
  return id;
}

export async function cancelClustering(clustering) {
  const { position } = await post(`/clusterings/${clustering.id}/cancel`);
  noteClusterings(await get(`/clusterings/${clustering.id}`, { after: position }));
}

/** Keep proposals as playlists. Resolves once they are kept. */
export async function keepProposals(clustering, numbers) {
  const { position } = await post(`/clusterings/${clustering.id}/keep`, { numbers }, once());
  return kept(clustering, position);
}

const KEPT_WITHIN_MS = 60_000;

/** Waits until the search says what became of its proposals, later than it last did. */
function kept(clustering, position) {
  const before = clustering.kept?.at;
  return new Promise((resolve, reject) => {
    const end = (how, value) => {
      stop();
      clearInterval(poll);
      clearTimeout(limit);
      how(value);
    };
    const look = (one) => {
      if (one.id !== clustering.id) return;
      if (one.keeping_problem) end(reject, new Error(one.keeping_problem));
      else if (one.kept && one.kept.at !== before) end(resolve, one.kept);
      else return;
      noteClusterings(one);
    };
    const stop = on("clustering", look);
    const ask = () => get(`/clusterings/${clustering.id}`, { after: position }).then(look, () => {});
    const poll = setInterval(ask, 2000);
    const limit = setTimeout(() => end(reject, new Error("The playlists are not kept yet. Look at the Playlists page in a moment.")), KEPT_WITHIN_MS);
    ask();
  });
}

export function startClusterings() {
  on("clustering", (one) => noteClusterings(one));
  const look = async () => {
    const { items } = await get("/clusterings", { limit: 20 });
    batch(() => noteClusterings(...items.filter((one) => isSearching(one) || clusterings.value.has(one.id))));
  };
  on("open", () => look().catch(() => {}));
}
