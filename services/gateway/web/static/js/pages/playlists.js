import { html, useEffect } from "../app/view.js";
import { get } from "../app/api.js";
import { askImport, askMaking, askWriting } from "../app/asking.js";
import { activeClusterings, startClustering } from "../app/clusterings.js";
import { ago, plural, span } from "../app/format.js";
import { on } from "../app/live.js";
import { useMore } from "../app/load.js";
import { KINDS, writePlaylists } from "../app/playlists.js";
import { mayWrite } from "../app/rights.js";
import { navigate } from "../app/router.js";
import { servers, status } from "../app/store.js";
import { sayProblem, toast } from "../app/toasts.js";
import { ClusteringCard } from "../components/clustering-card.js";
import { Icon } from "../components/icon.js";
import { LinkBadges } from "../components/link-badges.js";
import { MenuButton } from "../components/menu.js";
import { Mosaic } from "../components/mosaic.js";
import { EmptyState, ErrorCard, Ghosts } from "../components/states.js";

const LIMIT = 100;
const SETTLE_MS = 400;

export async function make() {
  const options = await askMaking();
  if (options) await startClustering(options).then((id) => navigate(`/clusterings/${id}`), sayProblem);
}

async function bringIn() {
  const done = await askImport();
  if (done?.open) navigate(`/playlists/${done.playlist.id}`);
}

async function writeAll() {
  const wanted = await askWriting({ of: {}, title: "Write every playlist", yes: "Write them" });
  if (!wanted) return;
  try {
    await writePlaylists([], wanted);
    toast("Writing your playlists.", { action: "See how it goes", run: () => navigate("/runs?kind=writing") });
  } catch (problem) {
    sayProblem(problem);
  }
}

function PlaylistRow({ playlist }) {
  return html`<li class="playlist-row">
    <${Mosaic} tracks=${playlist.tiles} name=${playlist.id} />
    <div class="playlist-words">
      <a class="run-link" data-row href="/playlists/${playlist.id}">${playlist.name}</a>${playlist.locked && html`<span class="locked-mark" title="Locked: new searches leave it as it is"><${Icon} name="lock" size=${16} /><span class="unseen">locked</span></span>`}
      <p class="quiet">${plural(playlist.track_count, "song")} · ${span(playlist.duration_s)}<span class="playlist-kind"> · ${KINDS[playlist.kind]} · changed ${ago(playlist.changed_at)}</span></p>
    </div>
    <${LinkBadges} playlist=${playlist} />
  </li>`;
}

function Nothing() {
  const analysed = servers.value?.reduce((sum, server) => sum + server.analysed_count, 0) ?? 0;
  if (!analysed) return html`<${EmptyState} icon="playlists" title="No playlists yet" action=${html`<a class="button" href="/">To the library</a>`}>Starling makes playlists of songs it has listened to. Analyse your library first; then they are made here.<//>`;
  if (!mayWrite.value) return html`<${EmptyState} icon="playlists" title="No playlists yet">They appear here as soon as somebody who may make playlists keeps some.<//>`;
  const action = html`<div class="state-actions"><button type="button" class="button button-main" onClick=${make}><${Icon} name="flock" size=${18} />Make playlists from my library</button><button type="button" class="button" onClick=${bringIn}><${Icon} name="upload" size=${18} />Import one</button></div>`;
  return html`<${EmptyState} icon="playlists" title="Your library is full of playlists" action=${action}>Starling has listened to ${plural(analysed, "song")}. It can now find those that belong together, give each group a name, and show you what it found. Nothing is kept or written until you say so.<//>`;
}

export function PlaylistsPage() {
  const { data, problem, reload, busy, more } = useMore("playlists", (cursor, abort) => get("/playlists", { limit: LIMIT, cursor }, abort));
  useEffect(() => {
    let timer = 0;
    const later = () => {
      clearTimeout(timer);
      timer = setTimeout(reload, SETTLE_MS);
    };
    const stops = ["playlist", "open"].map((kind) => on(kind, later));
    return () => (clearTimeout(timer), stops.forEach((stop) => stop()));
  }, []);
  const some = data?.items.length > 0;
  const menu = () => [
    { label: "Import a playlist file", icon: "upload", run: bringIn },
    { label: "Write all to the servers", icon: "send", run: writeAll },
  ];
  return html`<div class="page">
    <header class="page-head"><h1 tabindex="-1">Playlists</h1><p class="page-count" aria-live="polite">${some ? plural(data.items.length, "playlist") + (more ? " and more" : "") : ""}</p><span class="page-space" />
      ${some && mayWrite.value && html`<div class="actions"><button type="button" class="button button-main" onClick=${make}><${Icon} name="flock" size=${18} />Make playlists</button><${MenuButton} label="More for playlists" items=${menu} /></div>`}
    </header>
    <div class="cards">${activeClusterings.value.map((one) => html`<${ClusteringCard} key=${one.id} clustering=${one} />`)}</div>
    ${problem && !data && html`<${ErrorCard} problem=${problem} onRetry=${reload} />`}
    ${!data && !problem && html`<${Ghosts} />`}
    ${data && !some && activeClusterings.value.length === 0 && html`<${Nothing} />`}
    ${some && html`<ul class="playlist-rows card">${data.items.map((playlist) => html`<${PlaylistRow} key=${playlist.id} playlist=${playlist} />`)}</ul>`}
    ${more && html`<button type="button" class="button" disabled=${busy} onClick=${() => more().catch(sayProblem)}>More playlists</button>`}
  </div>`;
}
