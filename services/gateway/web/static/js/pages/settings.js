import { html, useState } from "../app/view.js";
import { post } from "../app/api.js";
import { askAnalysis, confirm } from "../app/asking.js";
import { ago, count, plural } from "../app/format.js";
import { forgetLists } from "../app/paged.js";
import { mayManage, mayWrite } from "../app/rights.js";
import { navigate } from "../app/router.js";
import { activeRuns, removeServer, servers, startAnalysis, status } from "../app/store.js";
import { chooseTheme, themeChoice } from "../app/theme.js";
import { sayProblem, toast } from "../app/toasts.js";
import { Accounts } from "../components/accounts.js";
import { EditLibrary } from "../components/edit-library.js";
import { Icon } from "../components/icon.js";
import { LibraryForm } from "../components/library-form.js";
import { MenuButton } from "../components/menu.js";
import { Schedules } from "../components/schedules.js";
import { Workers } from "../components/workers.js";

const THEMES = [
  ["system", "As the system", "system"],
  ["light", "Light", "sun"],
  ["dark", "Dark", "moon"],
];

async function removeLibrary(server) {
  const yes = await confirm({
    title: `Remove ${server.name}?`,
    body: `Its ${plural(server.track_count, "song")} leave the library, and what Starling learned about them is out of sight. The music itself is not touched. Add it again and it has to be analysed anew.`,
    yes: "Remove it",
    loss: true,
  });
  if (!yes) return;
  try {
    await removeServer(server);
    forgetLists();
    toast(`${server.name} was removed.`);
  } catch (problem) {
    sayProblem(problem);
  }
}

async function analyse(server) {
  const wanted = await askAnalysis({ server_id: server.id });
  if (!wanted) return;
  try {
    navigate(`/runs/${await startAnalysis(wanted)}`);
  } catch (problem) {
    sayProblem(problem);
    if (problem.body?.run_id) navigate(`/runs/${problem.body.run_id}`);
  }
}

async function fetchPlays(server) {
  try {
    await post(`/servers/${server.id}/listening`);
    toast(`Fetching plays and ratings from ${server.name}.`);
  } catch (problem) {
    sayProblem(problem);
  }
}

function Library({ server }) {
  const [editing, setEditing] = useState(false);
  const items = () => [
    mayManage.value && { label: "Change name or login", icon: "edit", run: () => setEditing(true) },
    server.type !== "folder" && { label: "Fetch plays and ratings", icon: "download", run: () => fetchPlays(server) },
    mayManage.value && { label: "Remove it", icon: "trash", loss: true, run: () => removeLibrary(server) },
  ].filter(Boolean);
  if (editing) return html`<li class="library library-editing"><${EditLibrary} server=${server} onDone=${() => setEditing(false)} /></li>`;
  const run = activeRuns.value.find((one) => one.server_ids.includes(server.id));
  return html`<li class="library">
    <span class="library-icon"><${Icon} name=${server.type === "folder" ? "folder" : "server"} size=${22} /></span>
    <div class="library-words">
      <h3>${server.name}</h3>
      <p class="library-where">${server.path ?? server.url}${server.username && ` · ${server.username}`}</p>
      <p class="quiet">${count(server.analysed_count)} of ${plural(server.track_count, "song")} analysed · read ${ago(server.last_scan_at)}</p>
      ${server.last_scan_problem && html`<p class="is-bad">The last reading had a problem: “${server.last_scan_problem}”</p>`}
    </div>
    <div class="actions">
      ${run ? html`<a class="button" href="/runs/${run.id}">See the run</a>` : mayWrite.value && html`<button type="button" class="button" onClick=${() => analyse(server)}>Analyse</button>`}
      ${mayWrite.value && items().length > 0 && html`<${MenuButton} label="More for ${server.name}" items=${items} />`}
    </div>
  </li>`;
}

function AddLibrary() {
  const [open, setOpen] = useState(false);
  const added = (server) => {
    setOpen(false);
    toast(`${server.name} was added. Starling is listening to it now.`, { action: "See it", run: () => navigate("/") });
  };
  if (!open) return html`<button type="button" class="button" onClick=${() => setOpen(true)}><${Icon} name="plus" size=${18} />Add a library</button>`;
  return html`<div class="card add-library"><header class="card-head"><h3>Add a library</h3><button type="button" class="icon-button" aria-label="Close" onClick=${() => setOpen(false)}><${Icon} name="close" /></button></header>
    <${LibraryForm} onAdded=${added} /></div>`;
}

export function SettingsPage() {
  const all = servers.value ?? [];
  return html`<div class="page page-narrow">
    <header class="page-head"><h1 tabindex="-1">Settings</h1></header>
    <section class="settings-part" aria-labelledby="libraries-title">
      <h2 id="libraries-title">Libraries</h2>
      ${all.length > 0 && html`<ul class="libraries card">${all.map((server) => html`<${Library} key=${server.id} server=${server} />`)}</ul>`}
      ${mayManage.value && html`<${AddLibrary} />`}
      ${!all.length && !mayManage.value && html`<p class="quiet">None yet. An owner adds the first one.</p>`}
    </section>
    <section class="settings-part" aria-labelledby="schedules-title">
      <h2 id="schedules-title">Schedules</h2>
      <${Schedules} />
    </section>
    <section class="settings-part" aria-labelledby="accounts-title">
      <h2 id="accounts-title">Accounts</h2>
      <${Accounts} />
    </section>
    <section class="settings-part" aria-labelledby="workers-title">
      <h2 id="workers-title">At work</h2>
      <${Workers} />
    </section>
    <section class="settings-part" aria-labelledby="colours-title">
      <h2 id="colours-title">Colours</h2>
      <div class="segments" role="radiogroup" aria-labelledby="colours-title">
        ${THEMES.map(
          ([key, label, icon]) => html`<label key=${key} class="segment"><input type="radio" name="theme" checked=${themeChoice.value === key} onChange=${() => chooseTheme(key)} /><span><${Icon} name=${icon} />${label}</span></label>`,
        )}
      </div>
    </section>
    <section class="settings-part" aria-labelledby="about-title">
      <h2 id="about-title">About</h2>
      <p>Starling ${status.value?.version ?? ""}. Everything on these pages can be had over HTTP too.</p>
      <p><a class="button" href="/docs" data-leave>The API, to read and try <${Icon} name="link" size=${18} /></a></p>
    </section>
  </div>`;
}
