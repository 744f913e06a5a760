import { html } from "../app/view.js";
import { place } from "../app/router.js";
import { activeRuns } from "../app/store.js";
import { chooseTheme, themeChoice } from "../app/theme.js";
import { showKeys } from "../app/asking.js";
import { Icon } from "./icon.js";
import { Logo } from "./logo.js";

const PAGES = [
  { href: "/", label: "Library", icon: "library", here: (path) => path === "/" || path.startsWith("/tracks") },
  { href: "/playlists", label: "Playlists", icon: "playlists", here: (path) => path.startsWith("/playlists") || path.startsWith("/clusterings") },
  { href: "/runs", label: "Runs", icon: "runs", here: (path) => path.startsWith("/runs") },
  { href: "/settings", label: "Settings", icon: "settings", here: (path) => path.startsWith("/settings") },
];

const THEMES = { system: ["system", "light"], light: ["sun", "dark"], dark: ["moon", "system"] };

export function ThemeButton() {
  const [icon, next] = THEMES[themeChoice.value] ?? THEMES.system;
  const name = { system: "as the system", light: "light", dark: "dark" };
  return html`<button type="button" class="icon-button" aria-label="Colours: ${name[themeChoice.value]}. Change to ${name[next]}" title="Colours: ${name[themeChoice.value]}"
    onClick=${() => chooseTheme(next)}><${Icon} name=${icon} /></button>`;
}

/** How far the one running analysis is, as a badge. */
function RunBadge() {
  const [run] = activeRuns.value;
  if (!run?.totals.discovered) return null;
  const { discovered, remaining } = run.totals;
  const share = Math.floor(((discovered - remaining) / discovered) * 100);
  return html`<span class="nav-badge" aria-label="${share} percent done">${share} %</span>`;
}

/** The rail at the left; at the foot of narrow screens. */
export function Nav() {
  const { path } = place.value;
  return html`<nav class="nav" aria-label="Pages">
    <a class="brand" href="/" aria-label="Starling, to the library"><${Logo} /><span>Starling</span></a>
    <ul>
      ${PAGES.map(
        ({ href, label, icon, here }) => html`<li key=${href}>
          <a class="nav-link" href=${href} aria-current=${here(path) ? "page" : undefined}><${Icon} name=${icon} size=${22} /><span>${label}</span>${icon === "runs" && html`<${RunBadge} />`}</a>
        </li>`,
      )}
    </ul>
    <div class="nav-foot">
      <${ThemeButton} />
      <button type="button" class="icon-button" aria-label="Keys" title="Keys" onClick=${showKeys}><${Icon} name="keyboard" /></button>
    </div>
  </nav>`;
}
