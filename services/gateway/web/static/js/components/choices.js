import { html } from "../app/view.js";

/** A group of choices, one of them taken, with a line about each. */
export function Choices({ legend, name, options, value, onChange }) {
  return html`<fieldset class="choices">
    <legend>${legend}</legend>
    ${options.map(
      ([key, title, about]) => html`<label key=${key} class="choice">
        <input type="radio" name=${name} value=${key} checked=${value === key} onChange=${() => onChange(key)} />
        <span><b>${title}</b><small>${about}</small></span>
      </label>`,
    )}
  </fieldset>`;
}
