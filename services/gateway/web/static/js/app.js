import { html, useEffect, useErrorBoundary, useLayoutEffect, useRef } from "./app/view.js";
import { signedOut } from "./app/api.js";
import { place } from "./app/router.js";
import { mayManage } from "./app/rights.js";
import { session } from "./app/session.js";
import { boot, bootProblem, servers } from "./app/store.js";
import { ConnectionNotice } from "./components/connection-notice.js";
import { Dialogs } from "./components/dialogs.js";
import { Menu } from "./components/menu.js";
import { Nav } from "./components/nav.js";
import { PlayerBar } from "./components/player-bar.js";
import { EmptyState, ErrorCard, Ghosts } from "./components/states.js";
import { Toasts } from "./components/toasts.js";
import { ClusteringPage } from "./pages/clustering.js";
import { LibraryPage } from "./pages/library.js";
import { PlaylistPage } from "./pages/playlist.js";
import { PlaylistsPage } from "./pages/playlists.js";
import { RunPage } from "./pages/run.js";
import { RunsPage } from "./pages/runs.js";
import { SettingsPage } from "./pages/settings.js";
import { SetUpPage } from "./pages/set-up.js";
import { SignInPage } from "./pages/sign-in.js";
import { TrackPage } from "./pages/track.js";
import { WelcomePage } from "./pages/welcome.js";

const NotFoundPage = () =>
  html`<div class="page"><${EmptyState} icon="search" title="There is no such page" action=${html`<a class="button" href="/">To the library</a>`}>The address leads nowhere. It may be from another version, or misspelled.<//></div>`;

/** Address -> title and page. */
const ROUTES = [
  [/^\/$/, "Library", () => html`<${LibraryPage} />`],
  [/^\/tracks\/([^/]+)\/?$/, "Song", (id) => html`<${TrackPage} key=${id} id=${id} />`],
  [/^\/playlists\/?$/, "Playlists", () => html`<${PlaylistsPage} />`],
  [/^\/playlists\/([^/]+)\/?$/, "Playlist", (id) => html`<${PlaylistPage} key=${id} id=${id} />`],
  [/^\/clusterings\/([^/]+)\/?$/, "Making playlists", (id) => html`<${ClusteringPage} key=${id} id=${id} />`],
  [/^\/runs\/?$/, "Runs", () => html`<${RunsPage} />`],
  [/^\/runs\/([^/]+)\/?$/, "Run", (id) => html`<${RunPage} key=${id} id=${id} />`],
  [/^\/settings\/?$/, "Settings", () => html`<${SettingsPage} />`],
  [/./, "Not found", () => html`<${NotFoundPage} />`],
];

function routeFor(path) {
  const [pattern, title, page] = ROUTES.find(([one]) => one.test(path));
  return { title, page: () => page(...pattern.exec(path).slice(1)) };
}

const HEADING_MS = 3000;

/** Move the focus to the page's heading, which may still be on its way; never away from something else. */
function focusHeading() {
  const old = document.activeElement;
  const until = performance.now() + HEADING_MS;
  const look = () => {
    if (document.activeElement !== old && document.activeElement !== document.body) return;
    const heading = document.querySelector("h1");
    if (heading) heading.focus({ preventScroll: true });
    else if (performance.now() < until) requestAnimationFrame(look);
  };
  look();
}

/** A page change is told to readers of the page by moving the focus to its heading. */
function useNewPage(address, title) {
  const first = useRef(true);
  useLayoutEffect(() => {
    document.title = `${title} · Starling`;
    if (!first.current && !document.activeElement?.matches("[data-search]")) focusHeading();
    first.current = false;
  }, [address]);
}

/** What comes before every page, for whoever is not known yet. */
const DOORS = {
  set_up: { title: "Welcome", page: () => html`<${SetUpPage} />` },
  signed_out: { title: "Sign in", page: () => html`<${SignInPage} />` },
};

function Page({ route, path }) {
  const [error, reset] = useErrorBoundary();
  const broken = useRef(null);
  useEffect(() => {
    if (error && broken.current !== path) reset();
  }, [path]);
  if (error) {
    broken.current = path;
    console.error(error);
    return html`<div class="page"><${ErrorCard} problem=${{ title: "This page broke", detail: `${error.message}. Reload the page; if it stays, please report it.` }} onRetry=${() => window.location.reload()} /></div>`;
  }
  if (bootProblem.value && (servers.value === null || session.value === null)) return html`<div class="page"><${ErrorCard} problem=${bootProblem.value} onRetry=${boot} /></div>`;
  if (servers.value === null || session.value === null) return html`<div class="page"><${Ghosts} /></div>`;
  return route.page();
}

export function App() {
  const { path } = place.value;
  const route = routeFor(path);
  const door = signedOut.value && DOORS[session.value?.state];
  const welcome = path === "/" && servers.value?.length === 0 && mayManage.value;
  useNewPage(door ? door.title : path, door ? door.title : welcome ? "Welcome" : route.title);
  if (door) return door.page();
  const overlay = html`<${Toasts} /><${Menu} /><${Dialogs} />`;
  if (welcome) return html`<main><${WelcomePage} /></main>${overlay}`;
  return html`<div class="frame">
    <a class="skip" href="#content">Skip to the content</a>
    <${Nav} />
    <main id="content" tabindex="-1"><${ConnectionNotice} /><${Page} route=${route} path=${path} /></main>
    <${PlayerBar} />
    ${overlay}
  </div>`;
}
