import { html, useEffect, useRef, useState } from "../app/view.js";
import { Icon } from "./icon.js";

const SETTLE_MS = 120;

/** A field that tells what is in it shortly after the last key. */
export function SearchField({ value, onSearch, label, takeFocus = false }) {
  const [text, setText] = useState(value);
  const timer = useRef(0);
  const field = useRef(null);
  const told = useRef(value);
  useEffect(() => {
    if (value !== told.current) setText(value);
    told.current = value;
  }, [value]);
  useEffect(() => {
    if (takeFocus) field.current.focus();
  }, [takeFocus]);
  const change = (next, delay = SETTLE_MS) => {
    setText(next);
    clearTimeout(timer.current);
    timer.current = setTimeout(() => {
      told.current = next.trim();
      onSearch(next.trim());
    }, delay);
  };
  const clear = () => {
    change("", 0);
    field.current.focus();
  };
  return html`<div class="search" role="search">
    <${Icon} name="search" />
    <input ref=${field} type="text" inputmode="search" enterkeyhint="search" data-search aria-label=${label} placeholder=${label} value=${text} autocomplete="off"
      spellcheck=${false} onInput=${(event) => change(event.target.value)} onKeyDown=${(event) => event.key === "Enter" && change(text, 0)} />
    ${text ? html`<button type="button" class="icon-button" aria-label="Clear the search" onClick=${clear}><${Icon} name="close" size=${18} /></button>` : html`<kbd>/</kbd>`}
  </div>`;
}
