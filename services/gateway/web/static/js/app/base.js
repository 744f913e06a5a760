// Where this Starling lives below its host: "" at the root, "/music" behind a proxy that shares its name with others.
// The pages' own addresses begin with "/" everywhere; what leads out of the page goes through here.

export const base = document.querySelector('meta[name="base"]')?.content ?? "";

/** "/runs" -> "/music/runs"; an address that does not begin with one slash is left as it is. */
export const outward = (address) => (/^\/(?!\/)/.test(address) ? base + address : address);

/** "/music/runs" -> "/runs"; null for what does not lie below the base. */
export function inward(path) {
  if (path === base) return "/";
  return path.startsWith(`${base}/`) ? path.slice(base.length) : null;
}
