// Where a playlist stands on each media server, in words.

import { ago, plural } from "./format.js";
import { explain } from "./reasons.js";

const CLIP = 60;
const clipped = (text) => (text.length > CLIP ? `${text.slice(0, CLIP)}…` : text);

/**
 * @param {{version: number}} playlist @param {object} link
 * @returns {{tone: "good" | "changed" | "bad" | "gone", short: string, long: string}}
 */
export function linkWords(playlist, link) {
  const lacks = link.missing ? ` ${plural(link.missing, "song")} ${link.missing === 1 ? "is" : "are"} not on that server.` : "";
  if (link.state === "failed") {
    const { title, advice } = explain(link.reason);
    return { tone: "bad", short: link.detail ? `not written, “${clipped(link.detail)}”` : "not written", long: `${title}. ${link.detail ? `The server says: “${link.detail}” ` : ""}${advice}` };
  }
  if (link.state === "deleted_on_server") return { tone: "gone", short: "deleted there", long: "It was deleted on the server and stays deleted until you ask for it again." };
  if (link.state === "removed") return { tone: "gone", short: "taken down", long: "Starling removed it from the server, as asked." };
  if (link.state === "skipped") return { tone: "gone", short: "left out", long: `${explain(link.reason).title}. ${explain(link.reason).advice}` };
  if (link.number !== playlist.version) return { tone: "changed", short: "changed since", long: `Written ${ago(link.at)}, changed here since. Write it again to bring the server up to date.${lacks}` };
  return { tone: "good", short: link.missing ? `written, ${link.missing} missing` : "written", long: `Written ${ago(link.at)}, and as it is here.${lacks}` };
}
