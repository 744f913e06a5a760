// What a listener does to a playlist. Every change shows at once, is sent after the ones before it, and can be undone.

import { get, patch, post, remove } from "./api.js";
import { dismiss, sayProblem, toast } from "./toasts.js";

export const KINDS = { cluster: "songs that belong together", similar: "songs like one you chose", manual: "chosen by hand", import: "from a file" };

const queues = new Map();

/** One after the other for each playlist, as every change names the version it was made on. */
function inTurn(id, work) {
  const turn = (queues.get(id) ?? Promise.resolve()).then(work, work);
  const end = turn.catch(() => {}).then(() => queues.get(id) === end && queues.delete(id));
  queues.set(id, end);
  return turn;
}

/** Is a change of this playlist still on its way? What the page shows is then newer than what the API says. */
export const isChanging = (id) => queues.has(id);

const newest = new Map();
const offered = new Map();

/** The last version this page knows of a playlist, from any answer. */
export const noteVersion = (playlist) => newest.set(playlist.id, Math.max(playlist.version, newest.get(playlist.id) ?? 0));
export const knownVersion = (id) => newest.get(id) ?? 0;

/** Take a playlist back to one of its versions. @returns the playlist as it is then */
export async function restoreVersion(id, number) {
  const playlist = await inTurn(id, () => post(`/playlists/${id}/restore`, { number }));
  noteVersion(playlist);
  return playlist;
}

/**
 * Change a playlist.
 * @param {object} playlist as it is shown now
 * @param {object} shown what of it changes on the page
 * @param {object} sent the same for the API
 * @param {string} words what was done, for the message with Undo
 * @param {(playlist: object) => void} show
 */
export async function change(playlist, { shown, sent, words }, show) {
  show({ ...playlist, ...shown });
  let before;
  try {
    const after = await inTurn(playlist.id, async () => {
      before = knownVersion(playlist.id) || playlist.version;
      const answer = await patch(`/playlists/${playlist.id}`, { version: before, ...sent });
      noteVersion(answer);
      return answer;
    });
    if (after.version === knownVersion(playlist.id)) show(after);
  } catch (problem) {
    const now = await get(`/playlists/${playlist.id}`).catch(() => playlist);
    newest.set(now.id, now.version);
    show(now);
    return sayProblem(problem);
  }
  const undo = () => restoreVersion(playlist.id, before).then(show, sayProblem);
  // Undo goes back to a whole version, so only the last change can be undone from a message.
  dismiss(offered.get(playlist.id));
  offered.set(playlist.id, toast(words, { action: "Undo", run: undo }));
}

const without = (list, id) => list.filter((other) => other !== id);

/** The changes there are, as what is shown and what is sent. */
export const changes = {
  rename: (_, name) => ({ shown: { name }, sent: { name }, words: `Renamed to “${name}”.` }),
  lock: (_, locked) => ({ shown: { locked }, sent: { locked }, words: locked ? "Locked. New searches leave it as it is." : "Unlocked. A new search may refresh it." }),
  order: (playlist, tracks, words) => ({ shown: { tracks }, sent: { track_ids: tracks.map((track) => track.id) }, words }),
  removeSong: (playlist, track) => changes.order(playlist, playlist.tracks.filter((other) => other !== track), `“${track.title}” was removed.`),
  move(playlist, from, to) {
    const tracks = [...playlist.tracks];
    const [track] = tracks.splice(from, 1);
    tracks.splice(to, 0, track);
    return changes.order(playlist, tracks, `“${track.title}” is now number ${to + 1}.`);
  },
  pin(playlist, track) {
    const has = playlist.pinned.includes(track.id);
    const pinned = has ? without(playlist.pinned, track.id) : [...playlist.pinned, track.id];
    return { shown: { pinned }, sent: { pinned }, words: has ? `“${track.title}” is not pinned any more.` : `“${track.title}” is pinned: it stays when the playlist is refreshed.` };
  },
  exclude(playlist, track) {
    const excluded = [...playlist.excluded, track.id];
    const tracks = playlist.tracks.filter((other) => other.id !== track.id);
    const pinned = without(playlist.pinned, track.id);
    return { shown: { excluded, tracks, pinned }, sent: { excluded, pinned, track_ids: tracks.map((one) => one.id) }, words: `“${track.title}” is out, and stays out.` };
  },
  excludeArtist(playlist, artist) {
    const theirs = (track) => track.artist === artist;
    const excluded_artists = [...playlist.excluded_artists, artist];
    const tracks = playlist.tracks.filter((track) => !theirs(track));
    const pinned = playlist.pinned.filter((id) => tracks.some((track) => track.id === id));
    return { shown: { excluded_artists, tracks, pinned }, sent: { excluded_artists, pinned, track_ids: tracks.map((one) => one.id) }, words: `${artist} is out, and stays out.` };
  },
  allow(playlist, { id, artist, title }) {
    const sent = id ? { excluded: without(playlist.excluded, id) } : { excluded_artists: without(playlist.excluded_artists, artist) };
    return { shown: sent, sent, words: `${artist ?? title ?? "The song"} may come back with the next refresh.` };
  },
};

/** Delete a playlist in Starling, and on the servers too where that is asked for. */
export async function deletePlaylist(playlist, remote) {
  const answer = await inTurn(playlist.id, () => remove(`/playlists/${playlist.id}`, remote ? { remote: true } : null));
  newest.delete(playlist.id);
  return answer;
}

/** Write playlists to servers. @returns {Promise<string>} the id of the sync */
export async function writePlaylists(ids, { server_ids, revive }) {
  const { sync_id: id } = await post("/sync", { playlist_ids: ids, server_ids, ...(revive ? { revive } : {}) });
  return id;
}

export async function makeSimilar(track, n = 30) {
  return post("/playlists", { name: `Like ${track.title}`.slice(0, 300), similar_to: [track.id], n });
}
