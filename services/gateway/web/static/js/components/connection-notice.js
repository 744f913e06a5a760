import { html, useEffect, useState } from "../app/view.js";
import { reconnecting } from "../app/live.js";

const GRACE_MS = 800;

/** Says so when the live values have stopped; a blink of the connection is not worth a word. */
export function ConnectionNotice() {
  const lost = reconnecting.value;
  const [shown, setShown] = useState(false);
  useEffect(() => {
    if (!lost) return setShown(false);
    const timer = setTimeout(() => setShown(true), GRACE_MS);
    return () => clearTimeout(timer);
  }, [lost]);
  return html`<div class="notice-place" role="status">${shown && html`<p class="notice"><i class="pulse" aria-hidden="true" />Reconnecting. Numbers may be out of date.</p>`}</div>`;
}
