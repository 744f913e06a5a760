// Questions that need an answer before something happens. One at a time; components/dialogs.js shows them.

import { signal } from "./view.js";

/** @type {{value: null | {kind: "confirm" | "analyse" | "keys" | "make" | "write" | "import" | "token", answer: (value: any) => void, [more: string]: any}}} */
export const question = signal(null);

/** `firm` is for a question that a click beside it does not close. */
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
 * "Really?", with the consequence. `also` is something more that may be ticked; the answer is then "also".
 * @param {{title: string, body: string, yes: string, no?: string, loss?: boolean, also?: string}} details
 * @returns {Promise<boolean | null | "also">}
 */
export const confirm = (details) => ask("confirm", details);

/** What to analyse and how. @returns {Promise<{server_id?: string, profile: string, scope: string} | null>} */
export const askAnalysis = (details = {}) => ask("analyse", details);

/** How to make playlists. @returns {Promise<object | null>} what POST /clusterings takes */
export const askMaking = (details = {}) => ask("make", details);

/**
 * What would be written, shown before it is.
 * @param {{of: object, yes: string}} details `of` is what POST /preview takes
 * @returns {Promise<{server_ids: string[], revive: boolean} | null>}
 */
export const askWriting = (details) => ask("write", details);

/** A playlist file. Resolves to the new playlist with what was not found in it. */
export const askImport = () => ask("import", {});

/** A token, which nobody can be shown again. @param {{name: string, token: string}} details */
export const showToken = (details) => ask("token", { ...details, firm: true });

export const showKeys = () => ask("keys", {});
