import { html } from "../app/view.js";
import { Elapsed } from "./elapsed.js";
import { Result } from "./form-field.js";
import { Icon } from "./icon.js";

/** Sends a form (see app/form.js); says how long to wait where it was sent too often. */
export function SubmitButton({ form, icon, wide = false, children }) {
  return html`<button type="submit" class="button button-main ${wide ? "button-wide" : ""}" disabled=${form.busy || form.wait > 0}>
    ${icon && html`<${Icon} name=${icon} size=${18} />`}${form.wait > 0 ? `Again in ${form.wait} s` : children}${form.busy && html`<${Elapsed} />`}
  </button>`;
}

const AT_A_FIELD = new Set(["wrong_code"]);

/** What was wrong with a form, where it is about none of its fields. */
export function Refusal({ problem, fields }) {
  if (!problem || AT_A_FIELD.has(problem.reason) || fields.some((name) => problem.forField?.(name))) return null;
  // How long to wait is counted down on the button.
  const words = problem.retryAfter ? problem.detail.split(" Try again")[0] : problem.detail || problem.message;
  return html`<${Result} result=${{ ok: false, message: words }} />`;
}
