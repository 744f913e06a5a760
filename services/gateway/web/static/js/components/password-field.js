import { html, useState } from "../app/view.js";
import { plural, sentence } from "../app/format.js";
import { Icon } from "./icon.js";

const SHORTEST = 10;
const LONGEST = 200;

/** What a new password still lacks, told while it is written. */
function Need({ id, value, missed }) {
  const length = [...value].length;
  if (!length) return html`<small id=${id} class=${missed ? "field-problem" : "quiet"}>${SHORTEST} to ${LONGEST} characters. A few words in a row are easy to remember.</small>`;
  if (length < SHORTEST) return html`<small id=${id} class=${missed ? "field-problem" : "quiet"}>${plural(SHORTEST - length, "more character")} needed.</small>`;
  if (length > LONGEST) return html`<small id=${id} class="field-problem">${plural(length - LONGEST, "character")} too many.</small>`;
  return html`<small id=${id} class="field-good"><${Icon} name="check" size=${16} />Long enough.</small>`;
}

/** Something secret to write, which can be looked at. `fresh` is for a password that is being made. */
export function PasswordField({ id, name = "password", label, value, problem, fresh = false, autocomplete, note, onInput }) {
  const [shown, setShown] = useState(false);
  const [missed, setMissed] = useState(false);
  const below = problem ? html`<small id="${id}-note" class="field-problem">${sentence(problem)}</small>` : fresh ? html`<${Need} id="${id}-note" value=${value} missed=${missed} />` : note && html`<small id="${id}-note" class="quiet">${note}</small>`;
  return html`<div class="field ${problem ? "field-bad" : ""}">
    <label for=${id}>${label}</label>
    <div class="secret">
      <input id=${id} name=${name} type=${shown ? "text" : "password"} value=${value} required minlength=${fresh ? SHORTEST : undefined} maxlength="1000" autocomplete=${autocomplete ?? (fresh ? "new-password" : "current-password")}
        autocapitalize="none" spellcheck=${false} aria-invalid=${problem ? "true" : undefined} aria-describedby=${below ? `${id}-note` : undefined}
        onInvalid=${() => setMissed(true)} onInput=${(event) => onInput(name, event.target.value)} />
      <button type="button" class="icon-button" aria-label=${`${shown ? "Hide" : "Show"} what is written: ${label}`} title=${shown ? "Hide it" : "Show it"} aria-pressed=${shown} onClick=${() => setShown(!shown)}><${Icon} name=${shown ? "hidden" : "eye"} /></button>
    </div>
    ${below}
  </div>`;
}
