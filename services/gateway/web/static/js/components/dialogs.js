import { html, useEffect, useRef, useState } from "../app/view.js";
import { question } from "../app/asking.js";
import { AnalyseDialog } from "./analyse-dialog.js";
import { ImportDialog } from "./import-dialog.js";
import { MakeDialog } from "./make-dialog.js";
import { TokenDialog } from "./token-dialog.js";
import { WriteDialog } from "./write-dialog.js";

const KEYS = [
  ["/", "Search the library"],
  ["j  k", "Next and previous song in a list"],
  ["Enter", "Open the song"],
  ["Alt  ↑  ↓", "Move the song in a playlist"],
  ["Space", "Play the song, or pause"],
  ["?", "These keys"],
];

function ConfirmDialog({ ask }) {
  const [also, setAlso] = useState(false);
  return html`<h2 id="dialog-title">${ask.title}</h2>
    <p>${ask.body}</p>
    ${ask.also && html`<label class="tick"><input type="checkbox" checked=${also} onChange=${() => setAlso(!also)} /><span>${ask.also}</span></label>`}
    <div class="dialog-actions">
      <button type="button" class="button" autofocus onClick=${() => ask.answer(false)}>${ask.no ?? "Keep it"}</button>
      <button type="button" class="button ${ask.loss ? "button-loss" : "button-main"}" onClick=${() => ask.answer(also ? "also" : true)}>${ask.yes}</button>
    </div>`;
}

function KeysDialog({ ask }) {
  return html`<h2 id="dialog-title">Keys</h2>
    <dl class="keys">${KEYS.map(([key, what]) => html`<div key=${key}><dt>${key.split("  ").map((one) => html`<kbd>${one}</kbd>`)}</dt><dd>${what}</dd></div>`)}</dl>
    <div class="dialog-actions"><button type="button" class="button" autofocus onClick=${() => ask.answer(null)}>Close</button></div>`;
}

const KINDS = { confirm: ConfirmDialog, analyse: AnalyseDialog, import: ImportDialog, keys: KeysDialog, make: MakeDialog, token: TokenDialog, write: WriteDialog };

/** The one dialog of the page; the browser keeps the focus inside it and gives it back. */
export function Dialogs() {
  const ask = question.value;
  const box = useRef(null);
  useEffect(() => {
    if (ask && !box.current.open) box.current.showModal();
  }, [ask]);
  if (!ask) return null;
  const Kind = KINDS[ask.kind];
  const onBackdrop = (event) => event.target === box.current && !ask.firm && ask.answer(null);
  return html`<dialog ref=${box} class="dialog" aria-labelledby="dialog-title" onCancel=${() => ask.answer(null)} onClick=${onBackdrop}>
    <div class="dialog-body"><${Kind} ask=${ask} /></div>
  </dialog>`;
}
