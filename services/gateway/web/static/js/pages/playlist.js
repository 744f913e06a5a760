import { html, useEffect, useState } from "../app/view.js";
import { exportAddress, get } from "../app/api.js";
import { askWriting, confirm } from "../app/asking.js";
import { ago, listed, plural } from "../app/format.js";
import { on } from "../app/live.js";
import { useLoad } from "../app/load.js";
import { play, queueOf } from "../app/player.js";
import { change, changes, deletePlaylist, isChanging, KINDS, knownVersion, noteVersion, restoreVersion, writePlaylists } from "../app/playlists.js";
import { mayWrite } from "../app/rights.js";
import { navigate } from "../app/router.js";
import { serverName } from "../app/store.js";
import { sayProblem, toast } from "../app/toasts.js";
import { Icon } from "../components/icon.js";
import { LinkList } from "../components/link-badges.js";
import { MenuButton } from "../components/menu.js";
import { Mosaic } from "../components/mosaic.js";
import { lengthWords } from "../components/playlist-facts.js";
import { PlaylistLine } from "../components/playlist-line.js";
import { PlaylistSongs } from "../components/playlist-songs.js";
import { PlaylistVersions } from "../components/playlist-versions.js";
import { RenameTitle } from "../components/rename-title.js";
import { SongColumns } from "../components/song-list.js";
import { EmptyState, ErrorCard, Ghosts } from "../components/states.js";

const written = (playlist) => playlist.links.filter((link) => link.remote_id && (link.state === "synced" || link.state === "failed"));

async function reallyDelete(playlist) {
  const places = listed([...new Set(written(playlist).map((link) => serverName(link.server_id)))]);
  const yes = await confirm({
    title: `Delete “${playlist.name}”?`,
    body: places ? `It leaves Starling. On ${places} it stays, unless you tick the box.` : "It leaves Starling. The songs themselves stay.",
    also: places ? `Delete it on ${places} too` : null,
    yes: "Delete it",
    loss: true,
  });
  if (!yes) return;
  try {
    await deletePlaylist(playlist, yes === "also");
    navigate("/playlists");
    const undo = () => restoreVersion(playlist.id, playlist.version).then((back) => navigate(`/playlists/${back.id}`), sayProblem);
    toast(`“${playlist.name}” was deleted.`, { action: "Undo", run: undo });
  } catch (problem) {
    sayProblem(problem);
  }
}

async function write(playlist) {
  const wanted = await askWriting({ of: { playlist_ids: [playlist.id] }, title: `Write “${playlist.name}”`, yes: "Write it" });
  if (!wanted) return;
  try {
    await writePlaylists([playlist.id], wanted);
    toast("Writing it to your servers.", { action: "See how it goes", run: () => navigate("/runs?kind=writing") });
  } catch (problem) {
    sayProblem(problem);
  }
}

function download(playlist, format) {
  const link = document.createElement("a");
  link.href = exportAddress(playlist.id, format);
  link.download = "";
  link.dataset.leave = "";
  document.body.append(link);
  link.click();
  link.remove();
}

function Head({ playlist, apply }) {
  const { tracks } = playlist;
  const seconds = tracks.reduce((sum, track) => sum + (track.duration_s ?? 0), 0);
  const start = () => play(tracks[0], queueOf(tracks, playlist.name), 0);
  const menu = () => [
    mayWrite.value && { label: playlist.locked ? "Unlock it" : "Lock it: no refresh", icon: playlist.locked ? "unlock" : "lock", run: () => apply(changes.lock(playlist, !playlist.locked)) },
    { label: "Download as M3U8", icon: "download", run: () => download(playlist, "m3u8") },
    { label: "Download as JSPF", icon: "download", run: () => download(playlist, "jspf") },
    mayWrite.value && { label: "Delete it", icon: "trash", loss: true, run: () => reallyDelete(playlist) },
  ].filter(Boolean);
  return html`<header class="hero playlist-hero">
    <${Mosaic} tracks=${tracks} name=${playlist.id} size="large" />
    <div class="hero-words">
      ${mayWrite.value ? html`<${RenameTitle} key=${playlist.id} name=${playlist.name} onRename=${(name) => apply(changes.rename(playlist, name))} />` : html`<h1 tabindex="-1">${playlist.name}</h1>`}
      <p class="hero-album">${lengthWords(plural(tracks.length, "song"), seconds)}</p>
      <p class="hero-details">${KINDS[playlist.recipe?.kind ?? playlist.kind]} · changed ${ago(playlist.changed_at)}${playlist.locked && html` · <span class="locked-mark"><${Icon} name="lock" size=${16} />locked</span>`}</p>
      <div class="actions">
        <button type="button" class="button button-main" disabled=${!tracks.length} onClick=${start}><${Icon} name="play" size=${20} />Play</button>
        ${mayWrite.value && html`<button type="button" class="button" onClick=${() => write(playlist)}><${Icon} name="send" size=${18} /><span>Write<span class="wide-only"> to servers</span></span></button>`}
        <${MenuButton} label="More for this playlist" items=${menu} />
      </div>
    </div>
  </header>`;
}

/** What a refresh keeps out, and the way back in. */
function Excluded({ playlist, apply }) {
  const { data } = useLoad(`excluded:${playlist.excluded.join()}`, (abort) => Promise.all(playlist.excluded.map((id) => get(`/tracks/${id}`, null, abort).catch(() => ({ id, title: "A song that is gone" })))));
  const songs = playlist.excluded.map((id) => data?.find((track) => track.id === id) ?? { id, title: "…" });
  const allow = (what, name) => html`<li><span>${name}</span>${mayWrite.value && html`<button type="button" class="button button-small" aria-label="Let ${name} in again" onClick=${() => apply(changes.allow(playlist, what))}>Let in again</button>`}</li>`;
  return html`<section class="card"><h2>Kept out</h2><ul class="excluded">
    ${playlist.excluded_artists.map((artist) => allow({ artist }, `Everything by ${artist}`))}
    ${songs.map((track) => allow({ id: track.id, title: track.title }, track.title))}
  </ul></section>`;
}

function Below({ playlist, apply, show }) {
  const [open, setOpen] = useState(false);
  const excluded = playlist.excluded.length + playlist.excluded_artists.length > 0;
  return html`<div class="columns playlist-below">
    <section class="card"><h2>On your servers</h2>${playlist.links.length ? html`<${LinkList} playlist=${playlist} />` : html`<p class="quiet">It is only here.${mayWrite.value && " “Write to servers” shows what would happen before anything does."}</p>`}</section>
    ${excluded && html`<${Excluded} playlist=${playlist} apply=${apply} />`}
    <section class="card"><h2>Versions</h2><details onToggle=${(event) => setOpen(event.target.open)}><summary>What changed, and the way back</summary>${open && html`<${PlaylistVersions} playlist=${playlist} show=${show} />`}</details></section>
  </div>`;
}

/** Reads the playlist again when somebody else, or a refresh, changed it. */
function useNews(id, reload) {
  useEffect(() => {
    const look = () => isChanging(id) || reload();
    const stops = [on("playlist", (news) => news.id === id && news.version >= knownVersion(id) && look()), on("open", look)];
    return () => stops.forEach((stop) => stop());
  }, [id]);
}

export function PlaylistPage({ id }) {
  const { data, problem, reload, put } = useLoad(`playlist:${id}`, (abort) => get(`/playlists/${id}`, null, abort));
  useNews(id, reload);
  useEffect(() => {
    if (!data) return;
    noteVersion(data);
    document.title = `${data.name} · Starling`;
  }, [data]);
  if (problem && !data) {
    const lost = { title: problem.status === 404 ? "This playlist is not here" : problem.title, detail: problem.detail };
    return html`<div class="page"><${ErrorCard} problem=${lost} onRetry=${problem.status === 404 ? null : reload} /><p><a href="/playlists">All playlists</a></p></div>`;
  }
  if (!data) return html`<div class="page"><${Ghosts} /></div>`;
  if (data.deleted) {
    const back = () => restoreVersion(id, data.version - 1).then(put, sayProblem);
    const action = mayWrite.value && html`<button type="button" class="button button-main" onClick=${back}>Bring it back</button>`;
    return html`<div class="page"><${EmptyState} icon="trash" title="“${data.name}” was deleted" action=${action}>It is not in your playlists any more, but nothing of it is lost.<//><p class="crumb"><a href="/playlists">All playlists</a></p></div>`;
  }
  const apply = (what) => change(data, what, put);
  return html`<div class="page playlist-page">
    <p class="crumb"><a href="/playlists">All playlists</a></p>
    <${Head} playlist=${data} apply=${apply} />
    ${data.tracks.length > 0 ? html`<${PlaylistLine} tracks=${data.tracks} /><div class="tailed-columns"><${SongColumns} /></div><${PlaylistSongs} playlist=${data} apply=${apply} />` : html`<${EmptyState} icon="playlists" title="No songs in it">${mayWrite.value ? "Undo the last change below, or refresh it with a new search." : "Its versions below tell what was in it."}<//>`}
    <${Below} playlist=${data} apply=${apply} show=${put} />
  </div>`;
}
