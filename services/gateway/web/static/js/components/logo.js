import { html } from "../app/view.js";

// A flock on the turn: birds on two arcs, larger towards the near end.
const BIRDS = [
  [5.2, 20.6, 1.3], [7.2, 17.2, 1.6], [9.9, 14.1, 1.9], [13.2, 11.7, 2.2], [17.2, 10.3, 2.5], [21.9, 10.2, 2.8], [26.3, 12.4, 2.3],
  [9.6, 22.4, 1.1], [11.6, 19.5, 1.4], [14.4, 17.3, 1.7], [17.9, 16.1, 2], [22, 16.6, 1.8], [15.6, 22.1, 1.1], [18.7, 20.9, 1.3],
];

export function Logo({ size = 32 }) {
  return html`<svg class="logo" width=${size} height=${size} viewBox="0 0 32 32" aria-hidden="true" focusable="false">
    <rect width="32" height="32" rx="9" class="logo-ground" />
    ${BIRDS.map(([x, y, r]) => html`<circle cx=${x} cy=${y} r=${r} class="logo-bird" />`)}
  </svg>`;
}
