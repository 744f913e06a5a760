import { html, useState } from "../app/view.js";
import { get } from "../app/api.js";
import { ago, plural } from "../app/format.js";
import { useLoad } from "../app/load.js";
import { restoreVersion } from "../app/playlists.js";
import { mayWrite } from "../app/rights.js";
import { sayProblem, toast } from "../app/toasts.js";
import { ErrorCard, Ghosts } from "./states.js";

const ACTIONS = { created: "Made", refreshed: "Refreshed by a new search", edited: "Changed by you", restored: "Taken back", imported: "Imported", renamed: "Renamed", locked: "Locked", unlocked: "Unlocked", deleted: "Deleted" };

function whatChanged({ added, removed, track_count: count }) {
  const parts = [added && `${added} more`, removed && `${removed} less`].filter(Boolean);
  return `${plural(count, "song")}${parts.length ? ` (${parts.join(", ")})` : ""}`;
}

function Version({ version, current, onRestore }) {
  const { number, action, name, at, locked, restored } = version;
  const [busy, setBusy] = useState(false);
  const restore = async () => {
    setBusy(true);
    await onRestore(number);
    setBusy(false);
  };
  return html`<li class="version">
    <div><b>${restored ? `Taken back to version ${restored}` : (ACTIONS[action] ?? action)}</b><p class="quiet">${name} · ${whatChanged(version)}${locked ? " · locked" : ""}</p><p class="quiet">Version ${number} · ${ago(at)}</p></div>
    ${current ? html`<span class="badge">as it is now</span>` : action !== "deleted" && mayWrite.value && html`<button type="button" class="button" disabled=${busy} aria-label="Restore version ${number}" onClick=${restore}>Restore</button>`}
  </li>`;
}

/** Every version of a playlist, newest first, and the way back to each. */
export function PlaylistVersions({ playlist, show }) {
  const { data, problem, reload } = useLoad(`versions:${playlist.id}:${playlist.version}`, (abort) => get(`/playlists/${playlist.id}/versions`, null, abort));
  if (problem && !data) return html`<${ErrorCard} problem=${problem} onRetry=${reload} />`;
  if (!data) return html`<${Ghosts} rows=${3} />`;
  const restore = async (number) => {
    const before = playlist.version;
    try {
      show(await restoreVersion(playlist.id, number));
      toast(`Version ${number} is back.`, { action: "Undo", run: () => restoreVersion(playlist.id, before).then(show, sayProblem) });
    } catch (failed) {
      sayProblem(failed);
    }
  };
  const items = [...data.items].sort((a, b) => b.number - a.number);
  return html`<ul class="versions">${items.map((version) => html`<${Version} key=${version.number} version=${version} current=${version.number === playlist.version} onRestore=${restore} />`)}</ul>`;
}
