import { html, useState } from "../app/view.js";
import { post } from "../app/api.js";
import { plural, sentence } from "../app/format.js";
import { forgetLists } from "../app/paged.js";
import { loadServers, startAnalysis } from "../app/store.js";
import { Elapsed } from "./elapsed.js";
import { Icon } from "./icon.js";

const KINDS = {
  folder: {
    label: "A folder",
    icon: "folder",
    about: "On the machine that runs Starling. Your files are read, never changed.",
    fields: [{ name: "path", label: "Path of the folder", placeholder: "/home/ana/Music" }],
  },
  subsonic: {
    label: "A music server",
    icon: "server",
    about: "Navidrome, or any other server that speaks Subsonic. Starling only reads from it.",
    fields: [
      { name: "url", label: "Address", placeholder: "https://music.example.org", inputmode: "url" },
      { name: "username", label: "User name", autocomplete: "username" },
      { name: "password", label: "Password", type: "password", autocomplete: "current-password" },
    ],
  },
};

/** "Music" for /home/ana/Music, the host for an address. */
function nameFor(type, values) {
  if (type === "folder") return sentence((values.path ?? "").split(/[\\/]/).filter(Boolean).pop() ?? "Music");
  try {
    return new URL(values.url).hostname;
  } catch {
    return "Music server";
  }
}

const missing = (type, values) => KINDS[type].fields.find(({ name }) => !values[name]?.trim());

function Field({ field, value, problem, onInput }) {
  const id = `field-${field.name}`;
  return html`<label class="field ${problem ? "field-bad" : ""}" for=${id}>
    <span>${field.label}</span>
    <input id=${id} name=${field.name} type=${field.type ?? "text"} value=${value ?? ""} placeholder=${field.placeholder ?? ""} inputmode=${field.inputmode} autocomplete=${field.autocomplete ?? "off"}
      autocapitalize="none" spellcheck=${false} aria-invalid=${problem ? "true" : undefined} aria-describedby=${problem ? `${id}-problem` : undefined} onInput=${(event) => onInput(field.name, event.target.value)} />
    ${problem && html`<small id="${id}-problem" class="field-problem">${sentence(problem)}</small>`}
  </label>`;
}

function Result({ result }) {
  const more = result.ok && result.tracks_seen > 0 && !result.message.includes(String(result.tracks_seen));
  return html`<div class="result ${result.ok ? "is-good" : "is-bad"}" role=${result.ok ? "status" : "alert"}>
    <${Icon} name=${result.ok ? "check" : "alert"} />
    <p>${sentence(result.message)}${more && html`<small>A first look saw ${plural(result.tracks_seen, "song")}.</small>`}</p>
  </div>`;
}

function Kinds({ type, onChange }) {
  return html`<div class="segments" role="radiogroup" aria-label="Where the music is">
    ${Object.entries(KINDS).map(
      ([key, { label, icon }]) => html`<label key=${key} class="segment"><input type="radio" name="kind" value=${key} checked=${type === key} onChange=${() => onChange(key)} /><span><${Icon} name=${icon} />${label}</span></label>`,
    )}
  </div>`;
}

/** The state of the form and what its button does: test first, then add and start. */
function useLibraryForm(onAdded) {
  const [type, setType] = useState("folder");
  const [values, setValues] = useState({});
  const [state, setState] = useState({ busy: null, result: null, problem: null });
  const touch = (name, text) => {
    setValues({ ...values, [name]: text });
    if (name !== "name") setState({ busy: null, result: null, problem: null });
  };
  const choose = (next) => {
    setType(next);
    setState({ busy: null, result: null, problem: null });
  };
  const body = () => {
    const fields = Object.fromEntries(KINDS[type].fields.map(({ name }) => [name, name === "password" ? values[name] : values[name].trim()]));
    return { type, name: values.name?.trim() || nameFor(type, values), ...fields };
  };
  const test = async () => setState({ busy: null, problem: null, result: await post("/servers/test", body()) });
  const add = async () => {
    const server = await post("/servers", { ...body(), test: false });
    await loadServers(server.position);
    forgetLists();
    await startAnalysis({ server_id: server.id });
    setValues({});
    setState({ busy: null, result: null, problem: null });
    onAdded(server);
  };
  const submit = async (event) => {
    event.preventDefault();
    const empty = missing(type, values);
    if (empty) return document.getElementById(`field-${empty.name}`).focus();
    const adding = state.result?.ok;
    setState({ ...state, busy: adding ? "add" : "test", problem: null });
    try {
      await (adding ? add() : test());
    } catch (problem) {
      setState({ busy: null, result: null, problem });
    }
  };
  return { type, choose, values, touch, submit, ...state };
}

function buttonText({ busy, result }) {
  if (busy) return busy === "test" ? "Testing" : "Starting";
  return result?.ok ? "Add it and start listening" : "Test the connection";
}

/** Asks for a folder or a server, tests it, adds it and starts the analysis. */
export function LibraryForm({ onAdded }) {
  const form = useLibraryForm(onAdded);
  const { type, values, problem, result, busy } = form;
  const general = problem && !problem.errors.some(({ field }) => KINDS[type].fields.some(({ name }) => field.endsWith(name)));
  const name = { name: "name", label: "Call it", placeholder: nameFor(type, values) };
  return html`<form class="library-form" onSubmit=${form.submit} novalidate>
    <${Kinds} type=${type} onChange=${form.choose} />
    <p class="form-about">${KINDS[type].about}</p>
    ${KINDS[type].fields.map((field) => html`<${Field} key=${field.name} field=${field} value=${values[field.name]} problem=${problem?.forField(field.name)} onInput=${form.touch} />`)}
    ${result?.ok && html`<${Field} field=${name} value=${values.name} onInput=${form.touch} />`}
    ${result && html`<${Result} result=${result} />`}
    ${general && html`<${Result} result=${{ ok: false, message: problem.detail || problem.message }} />`}
    <button type="submit" class="button button-main button-wide" disabled=${busy !== null}>${buttonText(form)}${busy && html`<${Elapsed} />`}</button>
  </form>`;
}
