import { html, useLayoutEffect, useRef, useState } from "../app/view.js";
import { Icon } from "./icon.js";

const LONGEST = 300;

/** A heading that can be written over. Enter takes the new words, Escape leaves the old. */
export function RenameTitle({ name, onRename }) {
  const [text, setText] = useState(null);
  const field = useRef(null);
  const button = useRef(null);
  const editing = text !== null;
  // Before the next key can arrive: what is typed at once belongs to the new name.
  useLayoutEffect(() => {
    if (editing) field.current.select();
  }, [editing]);
  const end = (take) => {
    const words = text?.trim();
    setText(null);
    if (take && words && words !== name) onRename(words);
    requestAnimationFrame(() => button.current?.focus());
  };
  if (!editing) {
    return html`<span class="rename"><h1 tabindex="-1">${name}</h1><button type="button" class="icon-button" ref=${button} aria-label="Rename" title="Rename" onClick=${() => setText(name)}><${Icon} name="edit" /></button></span>`;
  }
  return html`<form class="rename" onSubmit=${(event) => (event.preventDefault(), end(true))}>
    <h1 class="unseen" tabindex="-1">${name}</h1>
    <input ref=${field} class="rename-field" aria-label="Name of the playlist" maxlength=${LONGEST} value=${text} onInput=${(event) => setText(event.target.value)}
      onKeyDown=${(event) => event.key === "Escape" && end(false)} />
    <button type="submit" class="button button-main">Rename</button>
    <button type="button" class="button" onClick=${() => end(false)}>Leave it</button>
  </form>`;
}
