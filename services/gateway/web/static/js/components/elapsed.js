import { html, useEffect, useState } from "../app/view.js";

/** Counts the seconds of a wait, once it is longer than two: nobody looks at a spinner without a number. */
export function Elapsed() {
  const [seconds, setSeconds] = useState(0);
  useEffect(() => {
    const timer = setInterval(() => setSeconds((before) => before + 1), 1000);
    return () => clearInterval(timer);
  }, []);
  return html`<i class="spinner" aria-hidden="true" />${seconds > 2 && html`<span class="elapsed">${seconds} s</span>`}`;
}
