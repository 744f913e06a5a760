import { html } from "../app/view.js";
import { dismiss, toasts } from "../app/toasts.js";
import { Icon } from "./icon.js";

export function Toasts() {
  const act = (toast) => {
    dismiss(toast.id);
    toast.run();
  };
  return html`<div class="toasts" role="status" aria-live="polite">
    ${toasts.value.map(
      (toast) => html`<div key=${toast.id} class="toast toast-${toast.tone}">
        <span>${toast.text}</span>
        ${toast.action && html`<button type="button" class="button button-small" onClick=${() => act(toast)}>${toast.action}</button>`}
        <button type="button" class="icon-button" aria-label="Close this message" onClick=${() => dismiss(toast.id)}><${Icon} name="close" size=${18} /></button>
      </div>`,
    )}
  </div>`;
}
