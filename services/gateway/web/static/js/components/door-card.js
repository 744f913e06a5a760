import { html } from "../app/view.js";
import { Logo } from "./logo.js";
import { Murmuration } from "./murmuration.js";
import { ThemeButton } from "./nav.js";

/** The one card of a page that comes before all others. */
export function DoorCard({ title, children }) {
  return html`<main class="door">
    <${Murmuration} />
    <header class="welcome-head"><span class="brand"><${Logo} /><span>Starling</span></span><${ThemeButton} /></header>
    <section class="card door-card" aria-labelledby="door-title"><h1 id="door-title" tabindex="-1">${title}</h1>${children}</section>
  </main>`;
}
