// Playlists on their way to servers: those this page has heard of, and what the stream says about them.

import { signal } from "./view.js";
import { get, post } from "./api.js";
import { on } from "./live.js";

export const syncs = signal(new Map());
export const isWriting = (one) => one.state === "requested" || one.state === "running";

export function noteSyncs(...news) {
  const known = new Map(syncs.value);
  for (const one of news) known.set(one.id, one);
  syncs.value = known;
}

export async function cancelSync(sync) {
  const { position } = await post(`/sync/${sync.id}/cancel`);
  noteSyncs(await get(`/sync/${sync.id}`, { after: position }));
}

/** Write once more what did not reach its server. @returns {Promise<void>} */
export async function retrySync(sync) {
  const failed = sync.problems.filter((problem) => problem.outcome !== "skipped");
  const unique = (name) => [...new Set(failed.map((problem) => problem[name]))];
  const { sync_id: id, position } = await post("/sync", { playlist_ids: unique("playlist_id"), server_ids: unique("server_id") });
  noteSyncs(await get(`/sync/${id}`, { after: position }));
}

export function startSyncs() {
  on("sync", (one) => noteSyncs(one));
  on("open", () => {
    for (const one of syncs.value.values()) if (isWriting(one)) get(`/sync/${one.id}`).then(noteSyncs, () => {});
  });
}
