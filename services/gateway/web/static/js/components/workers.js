import { html, useEffect } from "../app/view.js";
import { get } from "../app/api.js";
import { ago, count, plural } from "../app/format.js";
import { useLoad } from "../app/load.js";
import { ErrorCard, Ghosts } from "./states.js";

const AGAIN_MS = 5000;
const DOES = {
  fetcher: "Reads libraries",
  analyzer: "Listens to songs",
  clusterer: "Groups songs",
  syncer: "Writes playlists",
};

function Worker({ worker, release }) {
  const other = release && worker.version !== release;
  return html`<li class="worker">
    <div>
      <b>${DOES[worker.service] ?? worker.service}</b>
      <p class="quiet">${worker.service} on ${worker.host} · ${plural(worker.cores, "core")}${worker.means.device ? ` · ${worker.means.device}` : ""} · started ${ago(worker.started_at)}</p>
      ${other && html`<p class="is-bad">Release ${worker.version}; the system is ${release}.</p>`}
    </div>
    <p class="worker-pace">${worker.busy > 0 ? `${worker.busy} of ${worker.slots} at work` : "waiting for work"}<br /><span class="quiet">${count(worker.per_minute)} a minute · ${count(worker.done)} done${worker.failed > 0 ? `, ${count(worker.failed)} failed` : ""}</span></p>
  </li>`;
}

/** Who works, on which machine and how fast; asked again every five seconds. */
export function Workers() {
  const { data, problem, reload } = useLoad("workers", (abort) => get("/workers", null, abort));
  useEffect(() => {
    const timer = setInterval(reload, AGAIN_MS);
    return () => clearInterval(timer);
  }, [reload]);
  if (problem && !data) return html`<${ErrorCard} problem=${problem} onRetry=${reload} />`;
  if (!data) return html`<${Ghosts} rows=${4} />`;
  if (data.items.length === 0) return html`<p class="is-bad">Nobody. No song is listened to and no playlist is written until a service is started.</p>`;
  return html`<ul class="workers card">${data.items.map((worker) => html`<${Worker} key=${worker.name} worker=${worker} release=${data.release} />`)}</ul>`;
}
