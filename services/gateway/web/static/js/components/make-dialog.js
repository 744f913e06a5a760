import { html, useState } from "../app/view.js";
import { METHODS } from "../app/clusterings.js";
import { plural } from "../app/format.js";
import { servers } from "../app/store.js";
import { Choices } from "./choices.js";

const SIZES = {
  short: { label: "Short", about: "8 to 25 songs, for a walk.", tracks_min: 8, tracks_max: 25 },
  usual: { label: "Usual", about: "15 to 80 songs, for an evening.", tracks_min: 15, tracks_max: 80 },
  long: { label: "Long", about: "40 to 200 songs, for a day.", tracks_min: 40, tracks_max: 200 },
};
const CARE = {
  quick: { label: "A quick look", evaluations: 80 },
  usual: { label: "Usual", evaluations: 240 },
  thorough: { label: "Thorough, takes longer", evaluations: 1000 },
};
const SIZE_CHOICES = Object.entries(SIZES).map(([key, { label, about }]) => [key, label, about]);

/** What POST /clusterings takes; only what differs from Starling's own defaults. */
function optionsOf({ size, care, methods, libraries, perArtist, most, seed }) {
  const { tracks_min, tracks_max } = SIZES[size];
  return {
    ...(size === "usual" ? {} : { tracks_min, tracks_max }),
    ...(care === "usual" ? {} : { evaluations: CARE[care].evaluations }),
    ...(methods.size ? { algorithms: [...methods] } : {}),
    ...(libraries.size ? { server_ids: [...libraries] } : {}),
    ...(perArtist ? { per_artist: Number(perArtist) } : {}),
    ...(most ? { playlists_max: Number(most) } : {}),
    ...(seed !== "" ? { seed: Number(seed) } : {}),
  };
}

function NumberField({ label, name, value, onInput, placeholder, min, max, note }) {
  return html`<label class="field"><span>${label}</span>
    <input type="number" name=${name} min=${min} max=${max} step="1" placeholder=${placeholder} value=${value} onInput=${(event) => onInput(event.target.value)} />
    ${note && html`<small class="quiet">${note}</small>`}
  </label>`;
}

/** Boxes to tick; none ticked is all. */
export function Ticks({ legend, options, chosen, onChange }) {
  const flip = (key) => {
    const next = new Set(chosen);
    if (!next.delete(key)) next.add(key);
    onChange(next);
  };
  return html`<fieldset class="ticks"><legend>${legend}</legend>
    ${options.map(([key, label]) => html`<label key=${key} class="tick"><input type="checkbox" checked=${chosen.has(key)} onChange=${() => flip(key)} /><span>${label}</span></label>`)}
  </fieldset>`;
}

function More({ state, set }) {
  const libraries = (servers.value ?? []).map((server) => [server.id, server.name]);
  return html`<details class="more-choices"><summary>More choices</summary><div class="more-body">
    <div class="field-row">
      <${NumberField} label="Songs of one artist, at most" name="per_artist" value=${state.perArtist} placeholder="4" min="1" max="1000" onInput=${set("perArtist")} />
      <${NumberField} label="Playlists, at most" name="playlists_max" value=${state.most} placeholder="40" min="1" max="400" onInput=${set("most")} />
    </div>
    <label class="field"><span>How long to search</span>
      <select aria-label="How long to search" value=${state.care} onChange=${(event) => set("care")(event.target.value)}>${Object.entries(CARE).map(([key, { label, evaluations }]) => html`<option key=${key} value=${key}>${label} (at most ${plural(evaluations, "try", "tries")})</option>`)}</select>
    </label>
    ${libraries.length > 1 && html`<${Ticks} legend="Libraries; none ticked is all" options=${libraries} chosen=${state.libraries} onChange=${set("libraries")} />`}
    <${Ticks} legend="Ways of grouping; none ticked is all that suit" options=${Object.entries(METHODS)} chosen=${state.methods} onChange=${set("methods")} />
    <${NumberField} label="Seed" name="seed" value=${state.seed} placeholder="by chance" min="0" max="9007199254740991" note="The same seed on the same library gives the same playlists." onInput=${set("seed")} />
  </div></details>`;
}

/** Asks how to make playlists. Everything has a default: most people press Start. */
export function MakeDialog({ ask }) {
  const [state, setState] = useState({ size: "usual", care: "usual", methods: new Set(), libraries: new Set(), perArtist: "", most: "", seed: "" });
  const set = (name) => (value) => setState((before) => ({ ...before, [name]: value }));
  const submit = (event) => {
    event.preventDefault();
    ask.answer(optionsOf(state));
  };
  return html`<form onSubmit=${submit}>
    <h2 id="dialog-title">Make playlists from your library</h2>
    <p class="quiet">Starling looks for songs that belong together and shows you what it found. Nothing is kept or written until you say so.</p>
    <${Choices} legend="How long they should be" name="size" options=${SIZE_CHOICES} value=${state.size} onChange=${set("size")} />
    <${More} state=${state} set=${set} />
    <div class="dialog-actions">
      <button type="button" class="button" onClick=${() => ask.answer(null)}>Not now</button>
      <button type="submit" class="button button-main">Start</button>
    </div>
  </form>`;
}
