import { html } from "../app/view.js";

const STROKES = {
  library: "M4 5v14M9 5v14M14 5.6l4.5 13",
  runs: "M3 12h3.5l2.5-7 4.5 14 3-10 1.5 3H21",
  settings: "M4 7h9M19 7h1M4 17h1M11 17h9M16 4.5v5M8 14.5v5",
  search: "M10.5 17a6.5 6.5 0 1 0 0-13 6.5 6.5 0 0 0 0 13ZM15.5 15.5 20 20",
  close: "M6 6l12 12M18 6 6 18",
  check: "M5 12.5l4.5 4.5L19 7.5",
  alert: "M12 8v5M12 16.2v.1M12 3.5 21 19.5H3L12 3.5Z",
  folder: "M3.5 7.5c0-1 .7-1.7 1.7-1.7h4l2 2.2h7.6c1 0 1.7.7 1.7 1.7v7.6c0 1-.7 1.7-1.7 1.7H5.2c-1 0-1.7-.7-1.7-1.7V7.5Z",
  server: "M5 4.5h14a1 1 0 0 1 1 1v5a1 1 0 0 1-1 1H5a1 1 0 0 1-1-1v-5a1 1 0 0 1 1-1ZM5 12.5h14a1 1 0 0 1 1 1v5a1 1 0 0 1-1 1H5a1 1 0 0 1-1-1v-5a1 1 0 0 1 1-1ZM7.5 8v.1M7.5 16v.1",
  plus: "M12 5v14M5 12h14",
  trash: "M5 7h14M10 7V4.5h4V7M7 7l.8 12.5h8.4L17 7M10.5 10.5v5.5M13.5 10.5v5.5",
  back: "M14.5 5.5 8 12l6.5 6.5",
  forward: "M9.5 5.5 16 12l-6.5 6.5",
  down: "M5.5 9.5 12 16l6.5-6.5",
  sun: "M12 8a4 4 0 1 0 0 8 4 4 0 0 0 0-8ZM12 2.5v2M12 19.5v2M2.5 12h2M19.5 12h2M5.3 5.3l1.4 1.4M17.3 17.3l1.4 1.4M18.7 5.3l-1.4 1.4M6.7 17.3l-1.4 1.4",
  moon: "M19.5 14.2A8 8 0 0 1 9.8 4.5a8 8 0 1 0 9.7 9.7Z",
  system: "M4 5h16v11H4zM9 20h6M12 16v4",
  volume: "M4 9.5v5h3.5L12 18.5v-13L7.5 9.5H4ZM15.5 9a4.2 4.2 0 0 1 0 6M18 6.5a7.8 7.8 0 0 1 0 11",
  muted: "M4 9.5v5h3.5L12 18.5v-13L7.5 9.5H4ZM16 9.5l5 5M21 9.5l-5 5",
  retry: "M19.5 12a7.5 7.5 0 1 1-2.3-5.4M19.5 3.5v4h-4",
  keyboard: "M3.5 6.5h17v11h-17zM7 10h.1M10.3 10h.1M13.6 10h.1M17 10h.1M8 14h8",
  note: "M9 17.5V5.5l10-2v11.5M9 17.5a2.5 2.5 0 1 1-5 0 2.5 2.5 0 0 1 5 0ZM19 15a2.5 2.5 0 1 1-5 0 2.5 2.5 0 0 1 5 0Z",
  key: "M14.5 3.5a6 6 0 0 0-5.7 7.9L3.5 16.7v3.8h3.8v-2.3h2.2v-2.3h1.5l1.6-1.6a6 6 0 1 0 1.9-10.8ZM16 8v.1",
  link: "M14 4.5h5.5V10M19.5 4.5 11 13M18 13.5v5a1 1 0 0 1-1 1H5.5a1 1 0 0 1-1-1V7a1 1 0 0 1 1-1h5",
};

const SOLIDS = {
  play: "M8 5.2c0-.9 1-1.4 1.7-.9l9.3 6.7c.7.5.7 1.5 0 2L9.7 19.7c-.7.5-1.7 0-1.7-.9V5.2Z",
  pause: "M7 5h3.6v14H7zM13.4 5H17v14h-3.6z",
  next: "M6 6c0-.8.9-1.3 1.6-.8L15 10.8V5.5h2.5v13H15v-5.3l-7.4 5.6c-.7.5-1.6 0-1.6-.8V6Z",
  previous: "M18 6c0-.8-.9-1.3-1.6-.8L9 10.8V5.5H6.5v13H9v-5.3l7.4 5.6c.7.5 1.6 0 1.6-.8V6Z",
};

/** A decorative picture; the control around it carries the name. */
export function Icon({ name, size = 20 }) {
  const solid = SOLIDS[name];
  return html`<svg class="icon" width=${size} height=${size} viewBox="0 0 24 24" aria-hidden="true" focusable="false">
    <path d=${solid ?? STROKES[name]} fill=${solid ? "currentColor" : "none"} stroke=${solid ? "none" : "currentColor"}
      stroke-width="1.75" stroke-linecap="round" stroke-linejoin="round" />
  </svg>`;
}
