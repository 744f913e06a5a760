import { html, useState } from "../app/view.js";
import { post } from "../app/api.js";
import { plural } from "../app/format.js";
import { useLoad } from "../app/load.js";
import { explain } from "../app/reasons.js";
import { servers } from "../app/store.js";
import { Ticks } from "./make-dialog.js";
import { ErrorCard, Ghosts } from "./states.js";

const WORDS = { create: "New", update: "Changed", none: "Same", skip: "Left out" };

function whatHappens(item) {
  const parts = [];
  if (item.change === "create") parts.push(plural(item.to_add, "song"));
  if (item.change === "update") parts.push([item.to_add && `${plural(item.to_add, "song")} more`, item.to_remove && `${plural(item.to_remove, "song")} less`].filter(Boolean).join(", ") || "order or name");
  if (item.change === "none") parts.push("nothing to do");
  if (item.change === "skip") parts.push(explain(item.reason).title.toLowerCase());
  if (item.missing && item.change !== "skip") parts.push(`${plural(item.missing, "song")} not on this server`);
  return parts.join(", ");
}

/** "3 new playlists, 1 changed, 2 stay as they are" */
function inShort(items) {
  const of = (kind) => items.filter((item) => item.change === kind).length;
  const [made, changed, same, skipped] = ["create", "update", "none", "skip"].map(of);
  const parts = [made && plural(made, "new playlist"), changed && `${plural(changed, "playlist")} changed`, same && `${same} as ${same === 1 ? "it is" : "they are"}`, skipped && `${skipped} left out`];
  return parts.filter(Boolean).join(", ") || "nothing to do";
}

function OnServer({ name, items }) {
  return html`<section class="write-server">
    <h3>${name}</h3><p class="quiet">${inShort(items)}</p>
    <ul class="write-items">${items.map((item, i) => html`<li key=${i}><span class="badge write-${item.change}">${WORDS[item.change]}</span><span><b>${item.name}</b><small>${whatHappens(item)}</small></span></li>`)}</ul>
  </section>`;
}

function byServer(items) {
  const groups = new Map();
  for (const item of items) groups.set(item.server_id, [...(groups.get(item.server_id) ?? []), item]);
  return [...groups.values()];
}

/** Shows what would be written where, before anything is. */
export function WriteDialog({ ask }) {
  const all = servers.value ?? [];
  const [chosen, setChosen] = useState(new Set());
  const [revive, setRevive] = useState(false);
  const { data, problem, reload } = useLoad(`preview:${JSON.stringify(ask.of)}`, (abort) => post("/preview", ask.of, {}, abort));
  const wanted = (data?.items ?? []).filter((item) => !chosen.size || chosen.has(item.server_id));
  const goneThere = wanted.filter((item) => item.reason === "deleted_on_server").length;
  const writes = wanted.filter((item) => item.change === "create" || item.change === "update").length + (revive ? goneThere : 0);
  const submit = (event) => {
    event.preventDefault();
    ask.answer({ server_ids: [...chosen], revive });
  };
  return html`<form onSubmit=${submit}>
    <h2 id="dialog-title">${ask.title ?? "Write to your servers"}</h2>
    <p class="quiet">This is what would happen. Playlists that Starling did not make are never touched.</p>
    ${problem && !data && html`<${ErrorCard} problem=${problem} onRetry=${reload} />`}
    ${!data && !problem && html`<${Ghosts} rows=${4} />`}
    ${data && all.length > 1 && html`<${Ticks} legend="Where to; none ticked is everywhere" options=${all.map((server) => [server.id, server.name])} chosen=${chosen} onChange=${setChosen} />`}
    ${data && html`<div class="write-preview" tabindex="0" role="group" aria-label="What would be written">${byServer(wanted).map((items) => html`<${OnServer} key=${items[0].server_id} name=${items[0].server_name} items=${items} />`)}${wanted.length === 0 && html`<p>There is nothing to write.</p>`}</div>`}
    ${goneThere > 0 && html`<label class="tick"><input type="checkbox" checked=${revive} onChange=${() => setRevive(!revive)} /><span>Also bring back ${plural(goneThere, "playlist")} that ${goneThere === 1 ? "was" : "were"} deleted on the server</span></label>`}
    <div class="dialog-actions">
      <button type="button" class="button" onClick=${() => ask.answer(null)}>Not now</button>
      <button type="submit" class="button button-main" disabled=${!data || (writes === 0 && !ask.keeps)}>${ask.yes}</button>
    </div>
  </form>`;
}
