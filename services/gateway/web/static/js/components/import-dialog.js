import { html, useState } from "../app/view.js";
import { upload } from "../app/api.js";
import { plural } from "../app/format.js";
import { Elapsed } from "./elapsed.js";
import { Icon } from "./icon.js";

const nameOf = (file) => file.name.replace(/\.[^.]+$/, "").slice(0, 300) || "Imported";

function Report({ result, onOpen, onClose }) {
  return html`<h2 id="dialog-title">“${result.name}” was imported</h2>
    <p>${plural(result.matched, "song")} found in your library${result.missing_count ? `, ${plural(result.missing_count, "entry", "entries")} not.` : ": every entry of the file."}</p>
    ${result.missing.length > 0 && html`<p class="quiet">Not in your library, as the file names them:</p><ul class="missing-list" tabindex="0" aria-label="Not found">${result.missing.map((entry) => html`<li key=${entry.line}>${entry.line}. ${entry.text}</li>`)}</ul>${result.missing_count > result.missing.length && html`<p class="quiet">These are the first ${result.missing.length}.</p>`}`}
    <div class="dialog-actions"><button type="button" class="button" onClick=${onClose}>Close</button><button type="button" class="button button-main" autofocus onClick=${onOpen}>Open it</button></div>`;
}

/** Takes a playlist file, and says what of it was not found. Answers with {playlist, open}. */
export function ImportDialog({ ask }) {
  const [file, setFile] = useState(null);
  const [name, setName] = useState("");
  const [state, setState] = useState({ busy: false, problem: null, result: null });
  const choose = (event) => {
    const [chosen] = event.target.files;
    if (!chosen) return;
    setFile(chosen);
    setName(nameOf(chosen));
    setState({ busy: false, problem: null, result: null });
  };
  const submit = async (event) => {
    event.preventDefault();
    if (!file) return document.getElementById("playlist-file").focus();
    setState({ busy: true, problem: null, result: null });
    try {
      setState({ busy: false, problem: null, result: await upload("/playlists/import", { name: name.trim() || nameOf(file) }, file) });
    } catch (problem) {
      setState({ busy: false, problem, result: null });
    }
  };
  const { busy, problem, result } = state;
  if (result) return html`<${Report} result=${result} onOpen=${() => ask.answer({ playlist: result, open: true })} onClose=${() => ask.answer({ playlist: result, open: false })} />`;
  return html`<form onSubmit=${submit}>
    <h2 id="dialog-title">Import a playlist</h2>
    <p class="quiet">An .m3u, .m3u8 or .jspf file. Its songs are looked for in your libraries, by place and by name.</p>
    <label class="file-field button" for="playlist-file"><${Icon} name="upload" size=${18} />${file ? file.name : "Choose a file"}<input id="playlist-file" class="unseen" type="file" accept=".m3u,.m3u8,.jspf,.json" onChange=${choose} /></label>
    ${file && html`<label class="field"><span>Call it</span><input value=${name} maxlength="300" onInput=${(event) => setName(event.target.value)} /></label>`}
    ${problem && html`<p class="field-problem" role="alert">${problem.detail || problem.message}</p>`}
    <div class="dialog-actions"><button type="button" class="button" onClick=${() => ask.answer(null)}>Not now</button><button type="submit" class="button button-main" disabled=${busy || !file}>Import${busy && html`<${Elapsed} />`}</button></div>
  </form>`;
}
