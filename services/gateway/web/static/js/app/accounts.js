// Roles, scopes and times of accounts and their tokens, in words.

import { ago, soon } from "./format.js";

/** Role -> name, what it may do. */
export const ROLES = {
  owner: ["Owner", "may do everything"],
  member: ["Member", "may do all but manage libraries and accounts"],
  reader: ["Reader", "may look and listen"],
};

export const aRole = (role) => (role === "owner" ? "an owner" : `a ${role}`);

/** Scope -> name, what a program may do with it. */
export const SCOPES = {
  read: ["Look and listen", "Songs, playlists, runs. It changes nothing."],
  write: ["Make playlists too", "And start runs, write to servers, change schedules."],
  admin: ["Manage libraries too", "Everything but accounts and tokens, which only people change."],
  metrics: ["Read the metrics", "Only the numbers for Prometheus and the like."],
};

const DAY_MS = 86_400_000;
const LIVES = { month: 30, year: 365 };

/** When a token that lives so long ends; null is never. */
export const endOf = (life) => (LIVES[life] ? new Date(Date.now() + LIVES[life] * DAY_MS).toISOString() : null);

const DATE = new Intl.DateTimeFormat("en", { day: "numeric", month: "short", year: "numeric" });
export const day = (iso) => DATE.format(new Date(iso));

/** "used 5 min ago, ends 3 Dec 2026" */
export function tokenWords({ last_used_at: used, expires_at: end }) {
  return `${used ? `used ${ago(used)}` : "not used yet"}, ${endWords(end)}`;
}

function endWords(end) {
  if (!end) return "never ends";
  const left = Date.parse(end) - Date.now();
  if (left <= 0) return `ended ${day(end)}`;
  return left < DAY_MS ? `ends ${soon(end)}` : `ends ${day(end)}`;
}
