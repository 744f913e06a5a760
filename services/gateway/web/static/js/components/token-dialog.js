import { html, useRef, useState } from "../app/view.js";
import { Icon } from "./icon.js";

/** Copies what a field holds; without TLS browsers only offer the old way. */
async function copy(field) {
  field.select();
  try {
    await navigator.clipboard.writeText(field.value);
    return true;
  } catch {
    return document.execCommand("copy");
  }
}

/** Shows a token for the only time. */
export function TokenDialog({ ask }) {
  const field = useRef(null);
  const [copied, setCopied] = useState(null);
  const words = { true: "It is copied.", false: "The browser does not let it be copied: mark it and copy it by hand." };
  return html`<h2 id="dialog-title">The token of ${ask.name}</h2>
    <p>Copy it now and put it into the program: it will not be shown again. Whoever has it may do what the program may.</p>
    <div class="secret"><input ref=${field} class="token" readonly value=${ask.token} aria-label="Token" spellcheck=${false} onFocus=${(event) => event.target.select()} /></div>
    <p class="quiet" role="status">${words[copied] ?? "Programs send it as “Authorization: Bearer …”."}</p>
    <div class="dialog-actions">
      <button type="button" class="button" onClick=${() => ask.answer(null)}>Done</button>
      <button type="button" class="button button-main" autofocus onClick=${async () => setCopied(await copy(field.current))}><${Icon} name=${copied ? "check" : "copy"} size=${18} />${copied ? "Copied" : "Copy"}</button>
    </div>`;
}
