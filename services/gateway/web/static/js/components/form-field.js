import { html } from "../app/view.js";
import { plural, sentence } from "../app/format.js";
import { Icon } from "./icon.js";

/** A line to write in, with what is wrong about it below. */
export function Field({ field, value, problem, onInput }) {
  const id = `field-${field.name}`;
  return html`<label class="field ${problem ? "field-bad" : ""}" for=${id}>
    <span>${field.label}</span>
    <input id=${id} name=${field.name} type=${field.type ?? "text"} value=${value ?? ""} placeholder=${field.placeholder ?? ""} inputmode=${field.inputmode} autocomplete=${field.autocomplete ?? "off"} required=${field.required}
      autocapitalize="none" spellcheck=${false} aria-invalid=${problem ? "true" : undefined} aria-describedby=${problem ? `${id}-problem` : undefined} onInput=${(event) => onInput(field.name, event.target.value)} />
    ${problem && html`<small id="${id}-problem" class="field-problem">${sentence(problem)}</small>`}
  </label>`;
}

/** What a test found, or what went wrong. */
export function Result({ result }) {
  const more = result.ok && result.tracks_seen > 0 && !result.message.replaceAll(",", "").includes(String(result.tracks_seen));
  return html`<div class="result ${result.ok ? "is-good" : "is-bad"}" role=${result.ok ? "status" : "alert"}>
    <${Icon} name=${result.ok ? "check" : "alert"} />
    <p>${sentence(result.message)}${more && html`<small>A first look saw ${plural(result.tracks_seen, "song")}.</small>`}</p>
  </div>`;
}

/** A problem that belongs to none of the fields. */
export function GeneralProblem({ problem, fields }) {
  if (!problem || problem.errors?.some(({ field }) => fields.some(({ name }) => field.endsWith(name)))) return null;
  return html`<${Result} result=${{ ok: false, message: problem.detail || problem.message }} />`;
}

/** Two or three choices side by side. */
export function Segments({ label, name, options, value, onChange, small = false }) {
  return html`<div class="segments ${small ? "segments-small" : ""}" role="radiogroup" aria-label=${label}>
    ${options.map(([key, text]) => html`<label key=${key} class="segment"><input type="radio" name=${name} value=${key} checked=${value === key} onChange=${() => onChange(key)} /><span>${text}</span></label>`)}
  </div>`;
}
