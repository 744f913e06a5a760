import { html, useState } from "../app/view.js";
import { get, put, remove } from "../app/api.js";
import { confirm } from "../app/asking.js";
import { cronWords } from "../app/cron.js";
import { ago, sentence, soon } from "../app/format.js";
import { useLoad } from "../app/load.js";
import { mayWrite } from "../app/rights.js";
import { sayProblem, toast } from "../app/toasts.js";
import { Icon } from "./icon.js";
import { MenuButton } from "./menu.js";
import { SCHEDULE_KINDS, ScheduleForm } from "./schedule-form.js";
import { ErrorCard, Ghosts } from "./states.js";

const bodyOf = ({ name, kind, cron, timezone, parameters, enabled }) => ({ name, kind, cron, timezone, parameters, enabled });

function Schedule({ schedule, onEdit, onChange, onDelete }) {
  const { name, kind, cron, timezone, enabled, next_at: next, last_fired_at: last, last_problem: problem } = schedule;
  const flip = () => onChange({ ...schedule, enabled: !enabled });
  const items = () => [
    { label: "Change it", icon: "edit", run: onEdit },
    { label: "Delete it", icon: "trash", loss: true, run: onDelete },
  ];
  return html`<li class="schedule">
    <div class="library-words">
      <h3>${name}</h3>
      <p class="library-where">${SCHEDULE_KINDS[kind]?.[0] ?? kind}, ${cronWords(cron)} (${timezone})</p>
      <p class="quiet">${enabled ? `Next ${soon(next)}` : "Switched off"} · last ${ago(last)}</p>
      ${problem && html`<p class="is-bad">Last time it did not work: ${problem}</p>`}
    </div>
    ${mayWrite.value && html`<div class="actions">
      <label class="switch"><input type="checkbox" role="switch" checked=${enabled} aria-label="${name} is on" onChange=${flip} /><i aria-hidden="true" /></label>
      <${MenuButton} label="More for ${name}" items=${items} />
    </div>`}
  </li>`;
}

/** What happens by the clock. */
export function Schedules() {
  const { data, problem, reload, put: show } = useLoad("schedules", (abort) => get("/schedules", null, abort));
  const [editing, setEditing] = useState(null);
  if (problem && !data) return html`<${ErrorCard} problem=${problem} onRetry=${reload} />`;
  if (!data) return html`<${Ghosts} rows=${2} />`;
  const withIt = (one) => ({ items: [...data.items.filter((other) => other.id !== one.id), one].sort((a, b) => a.name.localeCompare(b.name)) });
  const saved = (one) => {
    show(withIt(one));
    setEditing(null);
    toast(`“${one.name}”: next ${soon(one.next_at)}.`);
  };
  const change = async (one) => {
    show(withIt(one));
    try {
      show(withIt(await put(`/schedules/${one.id}`, bodyOf(one))));
    } catch (failed) {
      show(data);
      sayProblem(failed);
    }
  };
  const drop = async (one) => {
    const yes = await confirm({ title: `Delete “${one.name}”?`, body: "It does not happen by itself any more. Nothing else changes.", yes: "Delete it", loss: true });
    if (!yes) return;
    show({ items: data.items.filter((other) => other.id !== one.id) });
    try {
      await remove(`/schedules/${one.id}`);
      toast(`“${one.name}” was deleted.`, { action: "Undo", run: () => change(one) });
    } catch (failed) {
      show(data);
      sayProblem(failed);
    }
  };
  const form = (schedule) => html`<${ScheduleForm} key=${schedule?.id ?? "new"} schedule=${schedule} onSaved=${saved} onClose=${() => setEditing(null)} />`;
  const row = (one) => html`<${Schedule} key=${one.id} schedule=${one} onEdit=${() => setEditing(one.id)} onChange=${change} onDelete=${() => drop(one)} />`;
  return html`
    ${data.items.length > 0 && html`<ul class="schedules card">${data.items.map((one) => (editing === one.id ? html`<li key=${one.id} class="schedule-edit">${form(one)}</li>` : row(one)))}</ul>`}
    ${data.items.length === 0 && editing !== "new" && html`<p class="quiet schedules-none">Nothing happens by itself yet. A schedule can listen to new songs every night, refresh your playlists and write them to your servers.</p>`}
    ${editing === "new" ? html`<div class="card">${form(null)}</div>` : mayWrite.value && html`<button type="button" class="button" onClick=${() => setEditing("new")}><${Icon} name="clock" size=${18} />Add a schedule</button>`}
  `;
}
