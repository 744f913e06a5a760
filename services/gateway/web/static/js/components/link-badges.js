import { html } from "../app/view.js";
import { linkWords } from "../app/links.js";
import { serverName } from "../app/store.js";

/** Where a playlist stands, in short: one mark for each server. */
export function LinkBadges({ playlist }) {
  if (!playlist.links?.length) return html`<span class="link-badges quiet">only here</span>`;
  return html`<span class="link-badges">
    ${playlist.links.map((link) => {
      const { tone, short, long } = linkWords(playlist, link);
      return html`<span key=${link.server_id + link.account} class="link-badge link-${tone}" title=${long}><i aria-hidden="true" />${serverName(link.server_id)}: ${short}</span>`;
    })}
  </span>`;
}

/** The same in full, for the playlist's own page. */
export function LinkList({ playlist }) {
  return html`<ul class="plain-list link-list">
    ${playlist.links.map((link) => {
      const { tone, long } = linkWords(playlist, link);
      return html`<li key=${link.server_id + link.account}><span class="link-badge link-${tone}"><i aria-hidden="true" /><b>${serverName(link.server_id)}</b></span><p>${long}</p></li>`;
    })}
  </ul>`;
}
