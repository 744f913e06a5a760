import { html } from "../app/view.js";
import { navigate } from "../app/router.js";
import { LibraryForm } from "../components/library-form.js";
import { Logo } from "../components/logo.js";
import { Murmuration } from "../components/murmuration.js";
import { ThemeButton } from "../components/nav.js";

/** The first visit: one sentence, one form. */
export function WelcomePage() {
  return html`<div class="welcome">
    <${Murmuration} />
    <header class="welcome-head"><span class="brand"><${Logo} /><span>Starling</span></span><${ThemeButton} /></header>
    <div class="welcome-body">
      <div class="welcome-words">
        <h1 tabindex="-1">Hear which of your songs belong together</h1>
        <p>Starling listens to every song you own, learns how it sounds, and finds the ones that go with it.</p>
        <p class="welcome-small">It all happens on your machine. Nothing is uploaded, and your files are only read.</p>
      </div>
      <section class="card welcome-card" aria-labelledby="where-title">
        <h2 id="where-title">Where is your music?</h2>
        <${LibraryForm} onAdded=${() => navigate("/")} />
      </section>
    </div>
  </div>`;
}
