// Small things a browser remembers for its listener. Storage may be full or forbidden: then nothing is remembered.

const PREFIX = "starling.";

/** Keep a string across visits. */
export function remember(name, text) {
  try {
    localStorage.setItem(PREFIX + name, text);
  } catch {
    // Not worth a word to the listener.
  }
}

/** @returns {string | null} */
export function recall(name) {
  try {
    return localStorage.getItem(PREFIX + name);
  } catch {
    return null;
  }
}

/** Keep a JSON value for as long as the tab lives. */
export function keepForTab(name, value) {
  try {
    sessionStorage.setItem(PREFIX + name, JSON.stringify(value));
  } catch {
    // Not worth a word to the listener.
  }
}

/** @returns {any} null if there is nothing, or nothing readable */
export function fromTab(name) {
  try {
    return JSON.parse(sessionStorage.getItem(PREFIX + name) ?? "null");
  } catch {
    return null;
  }
}
