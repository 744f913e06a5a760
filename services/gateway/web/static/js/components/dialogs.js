import { html, useEffect, useRef } from "../app/view.js";
import { question } from "../app/asking.js";
import { AnalyseDialog } from "./analyse-dialog.js";

const KEYS = [
  ["/", "Search the library"],
  ["j  k", "Next and previous song in a list"],
  ["Enter", "Open the song"],
  ["Space", "Play the song, or pause"],
  ["?", "These keys"],
];

function ConfirmDialog({ ask }) {
  return html`<h2 id="dialog-title">${ask.title}</h2>
    <p>${ask.body}</p>
    <div class="dialog-actions">
      <button type="button" class="button" autofocus onClick=${() => ask.answer(false)}>${ask.no ?? "Keep it"}</button>
      <button type="button" class="button ${ask.loss ? "button-loss" : "button-main"}" onClick=${() => ask.answer(true)}>${ask.yes}</button>
    </div>`;
}

function KeysDialog({ ask }) {
  return html`<h2 id="dialog-title">Keys</h2>
    <dl class="keys">${KEYS.map(([key, what]) => html`<div key=${key}><dt>${key.split("  ").map((one) => html`<kbd>${one}</kbd>`)}</dt><dd>${what}</dd></div>`)}</dl>
    <div class="dialog-actions"><button type="button" class="button" autofocus onClick=${() => ask.answer(null)}>Close</button></div>`;
}

const KINDS = { confirm: ConfirmDialog, analyse: AnalyseDialog, keys: KeysDialog };

/** The one dialog of the page; the browser keeps the focus inside it and gives it back. */
export function Dialogs() {
  const ask = question.value;
  const box = useRef(null);
  useEffect(() => {
    if (ask && !box.current.open) box.current.showModal();
  }, [ask]);
  if (!ask) return null;
  const Kind = KINDS[ask.kind];
  const onBackdrop = (event) => event.target === box.current && ask.answer(null);
  return html`<dialog ref=${box} class="dialog" aria-labelledby="dialog-title" onCancel=${() => ask.answer(null)} onClick=${onBackdrop}>
    <div class="dialog-body"><${Kind} ask=${ask} /></div>
  </dialog>`;
}
