// Questions that need an answer before something happens. One at a time; components/dialogs.js shows them.

import { signal } from "./view.js";

/** @type {{value: null | {kind: "confirm" | "analyse" | "keys", answer: (value: any) => void, [more: string]: any}}} */
export const question = signal(null);

function ask(kind, details) {
  question.value?.answer(null);
  return new Promise((resolve) => {
    question.value = {
      kind,
      ...details,
      answer: (value) => {
        question.value = null;
        resolve(value);
      },
    };
  });
}

/**
 * "Really?", with the consequence.
 * @param {{title: string, body: string, yes: string, no?: string, loss?: boolean}} details
 * @returns {Promise<boolean | null>}
 */
export const confirm = (details) => ask("confirm", details);

/** What to analyse and how. @returns {Promise<{server_id?: string, profile: string, scope: string} | null>} */
export const askAnalysis = (details = {}) => ask("analyse", details);

export const showKeys = () => ask("keys", {});
