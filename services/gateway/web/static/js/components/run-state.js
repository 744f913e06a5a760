import { html } from "../app/view.js";

const WORDS = { requested: "Starting", running: "Running", composing: "Running", paused: "Paused", completed: "Completed", cancelled: "Stopped", failed: "Failed" };

export const RunState = ({ state }) => html`<span class="badge badge-${state}">${WORDS[state] ?? state}</span>`;
