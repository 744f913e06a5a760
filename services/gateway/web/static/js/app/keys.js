// Keys that work on every page: / search, j and k move, enter opens (as on any link), space plays.

import { toggle, track } from "./player.js";
import { question, showKeys } from "./asking.js";
import { navigate, place } from "./router.js";

const TYPING = "input:not([type=range]):not([type=radio]):not([type=checkbox]), textarea, select, [contenteditable]";
const OWN_SPACE = "button, summary, [role=button], input, select, textarea, dialog *";

function move(by) {
  const rows = [...document.querySelectorAll("[data-row]")];
  const here = rows.indexOf(document.activeElement);
  const visible = rows.findIndex((row) => row.getBoundingClientRect().top >= 0);
  const row = here < 0 ? rows[Math.max(0, visible)] : rows[here + by];
  row?.focus({ preventScroll: true });
  row?.scrollIntoView({ block: "nearest" });
}

function search() {
  const field = document.querySelector("[data-search]");
  if (field) {
    field.focus();
    field.select();
  } else if (place.value.path !== "/") {
    navigate("/?find=1");
  }
}

function space(event) {
  const row = event.target.closest?.("[data-row]");
  const button = row?.closest("[data-song]")?.querySelector("[data-play]");
  if (button) button.click();
  else if (track.value) toggle();
  else return;
  event.preventDefault();
}

function onKey(event) {
  if (event.metaKey || event.ctrlKey || event.altKey || event.isComposing || question.value) return;
  if (event.key === "Escape" && event.target.matches?.("[data-search]")) event.target.blur();
  if (event.target.matches?.(TYPING)) return;
  const answers = { "/": search, j: () => move(1), k: () => move(-1), "?": showKeys };
  if (answers[event.key]) {
    event.preventDefault();
    answers[event.key]();
  } else if (event.key === " " && !event.target.matches?.(OWN_SPACE)) space(event);
}

export function startKeys() {
  document.addEventListener("keydown", onKey);
}
