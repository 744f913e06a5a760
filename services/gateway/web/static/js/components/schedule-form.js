import { html, useState } from "../app/view.js";
import { put } from "../app/api.js";
import { EVERY_HOURS, readCron, usualTime, WEEKDAYS, writeCron } from "../app/cron.js";
import { servers } from "../app/store.js";
import { Elapsed } from "./elapsed.js";
import { Ticks } from "./make-dialog.js";

export const SCHEDULE_KINDS = {
  refresh: ["Everything in turn", "Listens to new songs, refreshes your playlists, writes them to your servers."],
  analysis: ["Listen to new songs", "New and changed songs of every library."],
  clustering: ["Make playlists", "Looks for songs that belong together and keeps what it finds; locked playlists stay as they are."],
  sync: ["Write playlists to servers", "Brings every playlist up to date on every server."],
  listening: ["Fetch plays and ratings", "What you played and liked, as your servers counted it."],
};
const EVERY = [
  ["hours", "Every few hours"],
  ["day", "Every day"],
  ["week", "Every week"],
  ["month", "Every month"],
];

const here = Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC";
const zones = () => (Intl.supportedValuesOf ? Intl.supportedValuesOf("timeZone") : [here]);
const newId = () => crypto.randomUUID?.() ?? "10000000-1000-4000-8000-100000000000".replace(/[018]/g, (c) => (c ^ (crypto.getRandomValues(new Uint8Array(1))[0] & (15 >> (c / 4)))).toString(16));

/** Keeping is what a clustering by the clock is for: nobody is there to choose. */
function parametersFor(kind, before, libraries) {
  const server_ids = [...libraries];
  const clustering = { ...before?.clustering, server_ids, ...(kind === "clustering" ? { save: true } : {}) };
  return { ...before, server_ids, ...(kind === "clustering" || before?.clustering ? { clustering } : {}) };
}

function Select({ label, value, options, onChange }) {
  return html`<label class="field"><span>${label}</span><select aria-label=${label} value=${value} onChange=${(event) => onChange(event.target.value)}>${options.map(([key, text]) => html`<option key=${key} value=${key}>${text}</option>`)}</select></label>`;
}

/** When, in plain words; the five fields of cron are behind "Advanced". */
function When({ when, set, children }) {
  const { every } = when;
  return html`<div class="field-row">
    ${every !== "cron" && html`<${Select} label="How often" value=${every} options=${EVERY} onChange=${(value) => set({ every: value })} />`}
    ${every === "hours" && html`<${Select} label="Hours between" value=${when.hours} options=${EVERY_HOURS.map((n) => [n, String(n)])} onChange=${(value) => set({ hours: Number(value) })} />`}
    ${every === "week" && html`<${Select} label="On" value=${when.weekday} options=${WEEKDAYS} onChange=${(value) => set({ weekday: value })} />`}
    ${every === "month" && html`<${Select} label="On day" value=${when.day} options=${Array.from({ length: 28 }, (_, i) => [i + 1, String(i + 1)])} onChange=${(value) => set({ day: Number(value) })} />`}
    ${!["cron", "hours"].includes(every) && html`<label class="field"><span>At</span><input type="time" required value=${when.time} onInput=${(event) => event.target.value && set({ time: event.target.value })} /></label>`}
  </div>
  <details class="more-choices" open=${every === "cron"} onToggle=${(event) => event.target.open || (every === "cron" && set({ every: "day" }))}><summary>Advanced</summary>
    <label class="field"><span>As cron: minute, hour, day, month, weekday</span><input name="cron" spellcheck=${false} value=${every === "cron" ? when.cron : writeCron(when)} onInput=${(event) => set({ every: "cron", cron: event.target.value })} /><small class="quiet">Names such as mon and jan, and @daily and the like, are understood too.</small></label>
    ${children}
  </details>`;
}

/** Add a schedule, or change the one given. */
export function ScheduleForm({ schedule, onSaved, onClose }) {
  const [kind, setKind] = useState(schedule?.kind ?? "refresh");
  const [name, setName] = useState(schedule?.name ?? "");
  const [when, setWhen] = useState(schedule ? readCron(schedule.cron) : usualTime());
  const [libraries, setLibraries] = useState(new Set(schedule?.parameters?.server_ids));
  const [zone, setZone] = useState(schedule?.timezone ?? here);
  const [state, setState] = useState({ busy: false, problem: null });
  const submit = async (event) => {
    event.preventDefault();
    setState({ busy: true, problem: null });
    const body = { name: name.trim() || SCHEDULE_KINDS[kind][0], kind, cron: writeCron(when), timezone: zone.trim() || "UTC", parameters: parametersFor(kind, schedule?.parameters, libraries), enabled: schedule?.enabled ?? true };
    try {
      onSaved(await put(`/schedules/${schedule?.id ?? newId()}`, body));
    } catch (problem) {
      setState({ busy: false, problem });
    }
  };
  const { busy, problem } = state;
  return html`<form class="schedule-form" onSubmit=${submit}>
    <${Select} label="What to do" value=${kind} options=${Object.entries(SCHEDULE_KINDS).map(([key, [title]]) => [key, title])} onChange=${setKind} />
    <p class="quiet form-about">${SCHEDULE_KINDS[kind][1]}</p>
    <${When} when=${when} set=${(change) => setWhen((before) => ({ ...before, ...change }))}>
      ${servers.value?.length > 1 && html`<${Ticks} legend="Libraries; none ticked is all" options=${servers.value.map((server) => [server.id, server.name])} chosen=${libraries} onChange=${setLibraries} />`}
    <//>
    <div class="field-row">
      <label class="field"><span>Time zone</span><input list="time-zones" value=${zone} spellcheck=${false} onInput=${(event) => setZone(event.target.value)} /><datalist id="time-zones">${zones().map((one) => html`<option key=${one} value=${one} />`)}</datalist></label>
      <label class="field"><span>Call it</span><input value=${name} maxlength="200" placeholder=${SCHEDULE_KINDS[kind][0]} onInput=${(event) => setName(event.target.value)} /></label>
    </div>
    ${problem && html`<p class="field-problem" role="alert">${problem.detail || problem.message}${problem.errors?.length ? ` ${problem.errors.map((error) => error.detail).join(" ")}` : ""}</p>`}
    <div class="dialog-actions"><button type="button" class="button" onClick=${onClose}>Not now</button><button type="submit" class="button button-main" disabled=${busy}>${schedule ? "Save" : "Add it"}${busy && html`<${Elapsed} />`}</button></div>
  </form>`;
}
