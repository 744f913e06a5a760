import { signal } from "./view.js";

const SHOWN_MS = 6000;
let lastId = 0;

/** @type {{value: {id: number, text: string, tone: "plain" | "bad", action: string | null, run: (() => void) | null}[]}} */
export const toasts = signal([]);

export function dismiss(id) {
  toasts.value = toasts.value.filter((toast) => toast.id !== id);
}

/** Say something in passing. `action` and `run` make a button, such as Undo. @returns {number} for `dismiss` */
export function toast(text, { tone = "plain", action = null, run = null } = {}) {
  const id = ++lastId;
  toasts.value = [...toasts.value.slice(-2), { id, text, tone, action, run }];
  setTimeout(() => dismiss(id), tone === "bad" ? SHOWN_MS * 2 : SHOWN_MS);
  return id;
}

/** Say why something asked for did not happen. */
export function sayProblem(problem) {
  toast(problem.detail || problem.message, { tone: "bad" });
}
