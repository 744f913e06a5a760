import { html, useState } from "../app/view.js";
import { patch, post } from "../app/api.js";
import { fieldsOf, KINDS } from "../app/server-kinds.js";
import { loadServers } from "../app/store.js";
import { toast } from "../app/toasts.js";
import { Elapsed } from "./elapsed.js";
import { Field, GeneralProblem, Result, Segments } from "./form-field.js";
import { Ticks } from "./make-dialog.js";

const kept = (field) => (field.type === "password" ? { ...field, placeholder: "as before", optional: true } : field);

/** What was written over, as the API takes it. */
function changesOf(server, fields, values, parts) {
  const changed = fields.filter(({ name }) => values[name]?.trim() && values[name].trim() !== (server[name] ?? ""));
  const body = Object.fromEntries(changed.map(({ name }) => [name, values[name].trim()]));
  return parts ? { ...body, libraries: [...parts] } : body;
}

/** The libraries of a server, asked for with a test of what the form holds now. */
function useParts(server, fields, values) {
  const [known, setKnown] = useState(null);
  const [result, setResult] = useState(null);
  const look = async () => {
    const found = await post("/servers/test", { server_id: server.id, ...changesOf(server, fields, values, null) });
    setResult(found);
    setKnown(found.libraries ?? []);
  };
  return { known, result, look };
}

/** Change the name, address, login or parts of a library. Its songs and what is known about them stay. */
export function EditLibrary({ server, onDone }) {
  const { ways } = KINDS[server.type];
  const [way, setWay] = useState((ways.find((one) => (one.key === "key") === (server.login === "token")) ?? ways[0])?.key ?? null);
  const [values, setValues] = useState({});
  const [parts, setParts] = useState(null);
  const [state, setState] = useState({ busy: null, problem: null });
  const fields = [{ name: "name", label: "Name" }, ...fieldsOf(server.type, way).map(kept)].filter(({ name }) => name !== "path");
  const { known, result, look } = useParts(server, fields, values);
  const run = (busy, work) => async () => {
    setState({ busy, problem: null });
    try {
      await work();
      setState({ busy: null, problem: null });
    } catch (problem) {
      setState({ busy: null, problem });
    }
  };
  const save = run("save", async () => {
    const body = changesOf(server, fields, values, parts);
    if (Object.keys(body).length) {
      const { position } = await patch(`/servers/${server.id}`, body);
      await loadServers(position);
      toast(`${body.name ?? server.name} was changed.`);
    }
    onDone();
  });
  const submit = (event) => (event.preventDefault(), save());
  const { busy, problem } = state;
  const fits = known?.length > 1;
  return html`<form class="edit-library" onSubmit=${submit} novalidate>
    ${ways.length > 1 && html`<${Segments} label="How to sign in" name="way-${server.id}" small options=${ways.map((one) => [one.key, one.label])} value=${way} onChange=${setWay} />`}
    ${fields.map((field) => html`<${Field} key=${field.name} field=${field} value=${values[field.name] ?? (field.type === "password" ? "" : server[field.name])} problem=${problem?.forField(field.name)} onInput=${(name, text) => setValues({ ...values, [name]: text })} />`)}
    ${result && html`<${Result} result=${result} />`}
    ${fits && html`<${Ticks} legend="Which of its libraries; none ticked is all" options=${known.map((part) => [part.id, part.name])} chosen=${parts ?? new Set(server.libraries ?? [])} onChange=${setParts} />`}
    <${GeneralProblem} problem=${problem} fields=${fields} />
    <div class="dialog-actions">
      ${server.type !== "folder" && html`<button type="button" class="button" disabled=${busy !== null} onClick=${run("test", look)}>Test${busy === "test" && html`<${Elapsed} />`}</button>`}
      <button type="button" class="button" onClick=${onDone}>Leave it</button>
      <button type="submit" class="button button-main" disabled=${busy !== null}>Save${busy === "save" && html`<${Elapsed} />`}</button>
    </div>
  </form>`;
}
