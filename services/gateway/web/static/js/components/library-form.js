import { html, useState } from "../app/view.js";
import { post } from "../app/api.js";
import { forgetLists } from "../app/paged.js";
import { KINDS, bodyOf, fieldsOf, missing, nameFor } from "../app/server-kinds.js";
import { loadServers, startAnalysis } from "../app/store.js";
import { Elapsed } from "./elapsed.js";
import { Field, GeneralProblem, Result, Segments } from "./form-field.js";
import { Icon } from "./icon.js";
import { Ticks } from "./make-dialog.js";

const UNTRIED = { busy: null, result: null, problem: null };

function Kinds({ type, onChange }) {
  return html`<div class="kinds" role="radiogroup" aria-label="Where the music is">
    ${Object.entries(KINDS).map(
      ([key, { label, icon }]) => html`<label key=${key} class="kind"><input type="radio" name="kind" value=${key} checked=${type === key} onChange=${() => onChange(key)} /><span><${Icon} name=${icon} />${label}</span></label>`,
    )}
  </div>`;
}

/** The state of the form and what its button does: test first, then add and start. */
function useLibraryForm(onAdded) {
  const [{ type, way }, setKind] = useState({ type: "folder", way: null });
  const [values, setValues] = useState({});
  const [parts, setParts] = useState(new Set());
  const [state, setState] = useState(UNTRIED);
  const touch = (name, text) => {
    setValues({ ...values, [name]: text });
    if (name !== "name") setState(UNTRIED);
  };
  const choose = (next) => {
    setKind(next);
    setParts(new Set());
    setState(UNTRIED);
  };
  const body = () => ({ type, name: values.name?.trim() || nameFor(type, values), ...bodyOf(type, way, values), ...(parts.size ? { libraries: [...parts] } : {}) });
  const test = async () => setState({ ...UNTRIED, result: await post("/servers/test", body()) });
  const add = async () => {
    const server = await post("/servers", { ...body(), test: false });
    await loadServers(server.position);
    forgetLists();
    await startAnalysis({ server_id: server.id });
    setValues({});
    setState(UNTRIED);
    onAdded(server);
  };
  const submit = async (event) => {
    event.preventDefault();
    const empty = missing(type, way, values);
    if (empty) return document.getElementById(`field-${empty.name}`).focus();
    const adding = state.result?.ok;
    setState({ ...state, busy: adding ? "add" : "test", problem: null });
    try {
      await (adding ? add() : test());
    } catch (problem) {
      setState({ ...UNTRIED, problem });
    }
  };
  return { type, way, choose, values, touch, parts, setParts, submit, ...state };
}

function buttonText({ busy, result }) {
  if (busy) return busy === "test" ? "Testing" : "Starting";
  return result?.ok ? "Add it and start listening" : "Test the connection";
}

/** Asks for a folder or a server, tests it, adds it and starts the analysis. */
export function LibraryForm({ onAdded }) {
  const form = useLibraryForm(onAdded);
  const { type, way, values, problem, result, busy } = form;
  const { about, ways } = KINDS[type];
  const fields = fieldsOf(type, way);
  const name = { name: "name", label: "Call it", placeholder: nameFor(type, values) };
  return html`<form class="library-form" onSubmit=${form.submit} novalidate>
    <${Kinds} type=${type} onChange=${(next) => form.choose({ type: next, way: null })} />
    <p class="form-about">${about}</p>
    ${ways.length > 1 && html`<${Segments} label="How to sign in" name="way" small options=${ways.map((one) => [one.key, one.label])} value=${way ?? ways[0].key} onChange=${(next) => form.choose({ type, way: next })} />`}
    ${fields.map((field) => html`<${Field} key=${field.name} field=${field} value=${values[field.name]} problem=${problem?.forField(field.name)} onInput=${form.touch} />`)}
    ${result && html`<${Result} result=${result} />`}
    ${result?.ok && result.libraries?.length > 1 && html`<${Ticks} legend="Which of its libraries; none ticked is all" options=${result.libraries.map((part) => [part.id, part.name])} chosen=${form.parts} onChange=${form.setParts} />`}
    ${result?.ok && html`<${Field} field=${name} value=${values.name} onInput=${form.touch} />`}
    <${GeneralProblem} problem=${problem} fields=${fields} />
    <button type="submit" class="button button-main button-wide" disabled=${busy !== null}>${buttonText(form)}${busy && html`<${Elapsed} />`}</button>
  </form>`;
}
