import { html, useState } from "../app/view.js";
import { servers } from "../app/store.js";
import { Choices } from "./choices.js";

const PROFILES = [
  ["fast", "Fast", "Listens to parts of every song. Nearly the same result, many times quicker."],
  ["full", "Full", "Listens to every second of every song. For a night, or a small library."],
];
const SCOPES = [
  ["needed", "New and changed songs", "What is known already is left alone."],
  ["failed", "Only failed songs", "Tries those again that could not be analysed."],
  ["all", "Everything again", "Also the songs that are known. Their old values stay until the new ones are there."],
];

export function AnalyseDialog({ ask }) {
  const all = servers.value ?? [];
  const [server, setServer] = useState(ask.server_id ?? (all.length === 1 ? all[0].id : ""));
  const [profile, setProfile] = useState(ask.profile ?? "fast");
  const [scope, setScope] = useState(ask.scope ?? "needed");
  const submit = (event) => {
    event.preventDefault();
    ask.answer({ ...(server ? { server_id: server } : {}), profile, scope });
  };
  return html`<form onSubmit=${submit}>
    <h2 id="dialog-title">Analyse ${all.length === 1 ? all[0].name : "your music"}</h2>
    ${all.length > 1 &&
    html`<label class="field"><span>Library</span>
      <select value=${server} onChange=${(event) => setServer(event.target.value)}><option value="">Every library</option>${all.map((one) => html`<option key=${one.id} value=${one.id}>${one.name}</option>`)}</select>
    </label>`}
    <${Choices} legend="How closely" name="profile" options=${PROFILES} value=${profile} onChange=${setProfile} />
    <${Choices} legend="Which songs" name="scope" options=${SCOPES} value=${scope} onChange=${setScope} />
    <div class="dialog-actions">
      <button type="button" class="button" onClick=${() => ask.answer(null)}>Not now</button>
      <button type="submit" class="button button-main">Start</button>
    </div>
  </form>`;
}
