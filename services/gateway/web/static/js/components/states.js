// What stands where content would: nothing there, something wrong, still on its way.

import { html } from "../app/view.js";
import { Icon } from "./icon.js";

export function EmptyState({ icon = "note", title, children, action }) {
  return html`<div class="state">
    <span class="state-icon"><${Icon} name=${icon} size=${28} /></span>
    <h2>${title}</h2>
    <p>${children}</p>
    ${action}
  </div>`;
}

/** What failed, why, and the way on. */
export function ErrorCard({ problem, onRetry }) {
  return html`<div class="card error-card" role="alert">
    <span class="error-icon"><${Icon} name="alert" /></span>
    <div>
      <h2>${problem.title ?? "Something went wrong"}</h2>
      <p>${problem.detail || problem.message}</p>
      ${onRetry && html`<button type="button" class="button" onClick=${onRetry}><${Icon} name="retry" size=${18} />Try again</button>`}
    </div>
  </div>`;
}

export const Ghosts = ({ rows = 6 }) => html`<div class="ghosts" aria-hidden="true">${Array.from({ length: rows }, (_, i) => html`<span key=${i} class="ghost ghost-line" />`)}</div>`;
