// Numbers, times and names as a person reads them.

const NUMBER = new Intl.NumberFormat("en");
const ONE = new Intl.NumberFormat("en", { minimumFractionDigits: 1, maximumFractionDigits: 1 });
const WHEN = new Intl.DateTimeFormat("en", { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", hour12: false });

/** 12345 -> "12,345" */
export const count = (n) => NUMBER.format(Math.round(n));

/** 1, "song" -> "1 song"; 3, "song" -> "3 songs" */
export const plural = (n, one, many = `${one}s`) => `${count(n)} ${n === 1 ? one : many}`;

/** 225.4 -> "3:45"; an unknown length is a dash */
export function clock(seconds) {
  if (seconds === null || seconds === undefined || !Number.isFinite(seconds)) return "–";
  const whole = Math.floor(seconds + 0.5);
  const [h, m, s] = [Math.floor(whole / 3600), Math.floor((whole % 3600) / 60), whole % 60];
  const mm = h ? String(m).padStart(2, "0") : String(m);
  return `${h ? `${h}:` : ""}${mm}:${String(s).padStart(2, "0")}`;
}

/** A length of time in words, coarse as a person would say it: "40 seconds", "12 min", "3 h 20 min". */
export function span(seconds) {
  if (seconds === null || seconds === undefined) return "–";
  if (seconds < 90) return plural(Math.max(1, Math.round(seconds)), "second");
  const minutes = Math.round(seconds / 60);
  if (minutes < 90) return `${minutes} min`;
  if (minutes < 48 * 60) return `${Math.floor(minutes / 60)} h ${minutes % 60 ? `${minutes % 60} min` : ""}`.trim();
  return `${Math.round(minutes / 1440)} days`;
}

/** Time spent on work, down to tenths: "0.4 s", "52 s", "3 min 20 s". */
export function spent(seconds) {
  if (seconds < 10) return `${ONE.format(seconds)} s`;
  if (seconds < 90) return `${Math.round(seconds)} s`;
  if (seconds < 5400) return `${Math.floor(seconds / 60)} min ${Math.round(seconds % 60)} s`;
  return span(seconds);
}

/** "just now", "5 min ago", "3 h ago", then the date */
export function ago(iso, now = Date.now()) {
  if (!iso) return "never";
  const seconds = (now - Date.parse(iso)) / 1000;
  if (seconds < 60) return "just now";
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ago`;
  if (seconds < 86400) return `${Math.floor(seconds / 3600)} h ago`;
  return WHEN.format(new Date(iso));
}

/** What lies ahead: "in 20 min", "in 5 h", then the date. */
export function soon(iso, now = Date.now()) {
  if (!iso) return "never";
  const seconds = (Date.parse(iso) - now) / 1000;
  if (seconds < 60) return "in a moment";
  return seconds < 12 * 3600 ? `in ${span(seconds)}` : WHEN.format(new Date(iso));
}

export const moment = (iso) => (iso ? WHEN.format(new Date(iso)) : "–");
export const percent = (share) => `${Math.round(share * 100)} %`;
export const bpm = (tempo) => (tempo === null || tempo === undefined ? "–" : String(Math.round(tempo)));
export const decimal = (n) => ONE.format(n);

/** "C#", "minor" -> "C♯ minor" */
export function keyName(key, scale) {
  return key ? `${key.replace("#", "♯")} ${scale ?? ""}`.trim() : "–";
}

/** "C#", "minor" -> "C♯m", for narrow columns */
export function keyShort(key, scale) {
  return key ? `${key.replace("#", "♯")}${scale === "minor" ? "m" : ""}` : "–";
}

/** The same text with a capital in front. */
export const sentence = (text) => text.charAt(0).toUpperCase() + text.slice(1);

/** Artist and album in one line, without empty parts. */
export const byLine = (track) => [track.artist, track.album].filter(Boolean).join(" · ");
export const artistOf = (track) => track.artist || track.album_artist || "Unknown artist";

/** ["a", "b", "c"] -> "a, b and c" */
export function listed(words) {
  return words.length < 2 ? (words[0] ?? "") : `${words.slice(0, -1).join(", ")} and ${words[words.length - 1]}`;
}
