// How a song's sound becomes colour, shape and words. Two songs that sound alike get alike pictures.

/**
 * @typedef {{tempo: number, energy: number, brightness: number, mood: number}} Strip each 0..1
 */

export const DIMENSIONS = [
  { name: "tempo", label: "Tempo", low: "slow", high: "fast" },
  { name: "energy", label: "Energy", low: "gentle", high: "intense" },
  { name: "brightness", label: "Brightness", low: "dark", high: "bright" },
  { name: "mood", label: "Mood", low: "calm", high: "lively" },
];

// Brightness is a place on the scale of pitch, and real music uses only the middle of it.
const DARKEST = 0.15;
const BRIGHTEST = 0.6;

const within = (value) => Math.max(0, Math.min(1, value));

/** Brightness as one hears it, 0 for the darkest music there is and 1 for the brightest. */
export const heardBrightness = (brightness) => within((brightness - DARKEST) / (BRIGHTEST - DARKEST));

/** The strip of a song with every value spread over 0..1. @param {Strip | null} strip @returns {Strip | null} */
export const asHeard = (strip) => strip && { ...strip, brightness: heardBrightness(strip.brightness) };

/** 32 bits that depend on every character (FNV-1a). */
export function hash(text) {
  let value = 0x811c9dc5;
  for (let i = 0; i < text.length; i += 1) value = Math.imul(value ^ text.charCodeAt(i), 0x01000193) >>> 0;
  return value;
}

/** A repeatable stream of numbers 0..1 (mulberry32). */
export function numbersFrom(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

const mix = (a, b, t) => a + (b - a) * t;

// Corners of the plane of mood and energy, as hues: calm and gentle is blue, lively and gentle green, lively and
// intense amber, calm and intense crimson.
const WHEEL = [
  [-135, 255],
  [-45, 160],
  [45, 65],
  [135, 5],
  [225, -105],
];

const USUAL_ENERGY = 0.6;

function hueAt(degrees) {
  const angle = degrees < -135 ? degrees + 360 : degrees;
  const upper = Math.max(1, WHEEL.findIndex(([corner]) => angle <= corner));
  const [from, hueFrom] = WHEEL[upper - 1];
  const [to, hueTo] = WHEEL[upper];
  return (mix(hueFrom, hueTo, (angle - from) / (to - from)) + 360) % 360;
}

/**
 * The colour of a sound as hue (degrees) and chroma of OKLCH, or null where the sound is not known yet.
 * @param {Strip | null} strip
 */
export function colourOf(strip) {
  if (!strip) return null;
  const [x, y] = [strip.mood - 0.5, strip.energy - USUAL_ENERGY];
  const hue = hueAt((Math.atan2(y, x) * 180) / Math.PI);
  return { hue: Math.round(hue), chroma: Number(mix(0.06, 0.15, Math.min(1, Math.hypot(x, y) * 2.2)).toFixed(3)) };
}

/** The word for a value 0..1 between two ends, null in the middle. */
function word(value, { low, high }) {
  if (value < 0.2) return `very ${low}`;
  if (value < 0.4) return low;
  if (value <= 0.6) return null;
  return value <= 0.8 ? high : `very ${high}`;
}

/** "fast, very intense, lively", or "middle of the road" where nothing stands out. */
export function inWords(strip) {
  if (!strip) return "not analysed yet";
  const heard = asHeard(strip);
  const words = DIMENSIONS.map((dimension) => word(heard[dimension.name], dimension)).filter(Boolean);
  return words.join(", ") || "middle of the road";
}

/** Distance of two songs (1 - cosine) as a closeness 0..1. */
export const closeness = (distance) => within(1 - distance);

export function closenessWord(distance) {
  const value = closeness(distance);
  if (value >= 0.85) return "very close";
  if (value >= 0.65) return "close";
  return value >= 0.4 ? "related" : "distant";
}

/** How a tag compares with the rest of the library, from its z-score. */
export function standing(zscore) {
  if (zscore === null || zscore === undefined) return "";
  if (zscore >= 2) return "far above your average";
  if (zscore >= 0.75) return "above your average";
  if (zscore > -0.75) return "about your average";
  return zscore > -2 ? "below your average" : "far below your average";
}

/** "Mellow" and "Hip-Hop" come from two vocabularies: one way of writing for the page. */
export function tagName(label) {
  return /^\d0s$/.test(label) ? label : label.charAt(0).toUpperCase() + label.slice(1);
}
