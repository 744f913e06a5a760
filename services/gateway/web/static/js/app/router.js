// Addresses, history and scroll positions.

import { signal } from "./view.js";
import { inward, outward } from "./base.js";
import { keepForTab, fromTab } from "./memory.js";

const RESTORE_MS = 15000;
const KEPT_POSITIONS = 100;

const positions = new Map(fromTab("scroll") ?? []);
let restoring = 0;

function read() {
  return { path: inward(window.location.pathname) ?? "/", query: new URLSearchParams(window.location.search), key: history.state?.key };
}

function newKey() {
  return Math.random().toString(36).slice(2, 10);
}

/** Where we are; the path begins after the base. */
export const place = signal(read());

/** Go to an address of the page, written without the base. `replace` leaves no step for the back button. */
export function navigate(href, { replace = false } = {}) {
  savePosition();
  if (replace) history.replaceState({ key: place.value.key ?? newKey() }, "", outward(href));
  else history.pushState({ key: newKey() }, "", outward(href));
  const before = place.value.path;
  place.value = read();
  const samePath = place.value.path === before;
  if (!replace || !samePath) {
    restoring += 1;
    window.scrollTo(0, 0);
  }
}

function savePosition() {
  if (!place.value.key) return;
  positions.delete(place.value.key);
  positions.set(place.value.key, Math.round(window.scrollY));
  while (positions.size > KEPT_POSITIONS) positions.delete(positions.keys().next().value);
  keepForTab("scroll", [...positions]);
}

// Content may arrive after the page: keep trying until it is long enough, unless the listener scrolls first.
function restorePosition() {
  const wanted = positions.get(place.value.key) ?? 0;
  const mine = ++restoring;
  const until = performance.now() + RESTORE_MS;
  const step = () => {
    if (mine !== restoring) return;
    window.scrollTo(0, wanted);
    if (Math.abs(window.scrollY - wanted) > 1 && performance.now() < until) requestAnimationFrame(step);
  };
  requestAnimationFrame(step);
}

function stopRestoring() {
  restoring += 1;
}

/** Is this click one that the page should answer itself, without a reload? */
function isOurs(event, link) {
  const modified = event.metaKey || event.ctrlKey || event.shiftKey || event.altKey || event.button !== 0;
  return !modified && !event.defaultPrevented && link.origin === window.location.origin && inward(link.pathname) !== null && !link.target && !link.hash && !("leave" in link.dataset);
}

export function startRouter() {
  history.scrollRestoration = "manual";
  if (!history.state?.key) history.replaceState({ key: newKey() }, "");
  place.value = read();
  restorePosition();
  addEventListener("popstate", () => {
    savePosition();
    place.value = read();
    restorePosition();
  });
  addEventListener("pagehide", savePosition);
  for (const kind of ["wheel", "touchstart", "keydown", "pointerdown"]) addEventListener(kind, stopRestoring, { passive: true });
  document.addEventListener("click", (event) => {
    const link = event.target.closest?.("a[href]");
    if (!link || !isOurs(event, link)) return;
    event.preventDefault();
    if (link.href !== window.location.href) navigate(inward(link.pathname) + link.search);
  });
}
