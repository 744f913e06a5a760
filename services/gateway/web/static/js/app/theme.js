import { signal, effect } from "./view.js";
import { remember, recall } from "./memory.js";

const KEY = "theme";
const system = matchMedia("(prefers-color-scheme: dark)");

/** @type {{value: "system" | "light" | "dark"}} what the listener chose */
export const themeChoice = signal(recall(KEY) ?? "system");

/** Set and keep the choice. @param {"system" | "light" | "dark"} choice */
export function chooseTheme(choice) {
  themeChoice.value = choice;
  remember(KEY, choice);
}

function apply() {
  const dark = themeChoice.value === "dark" || (themeChoice.value === "system" && system.matches);
  document.documentElement.dataset.theme = dark ? "dark" : "light";
  const meta = document.querySelector('meta[name="theme-color"]');
  meta?.setAttribute("content", dark ? "#0e1312" : "#f5f6f4");
}

export function startTheme() {
  effect(apply);
  system.addEventListener("change", apply);
}
