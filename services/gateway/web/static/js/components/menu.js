// A small menu beside the button that opened it. The browser closes it on Escape and on a click elsewhere.

import { html, signal, useEffect, useRef } from "../app/view.js";
import { Icon } from "./icon.js";

const GAP = 4;
const WIDTH = 280;

/** @type {{value: null | {anchor: HTMLElement, label: string, items: {label: string, icon: string, loss?: boolean, run: () => void}[]}}} */
const open = signal(null);

function placeFor(anchor, box) {
  const at = anchor.getBoundingClientRect();
  const { height } = box.getBoundingClientRect();
  const below = at.bottom + GAP;
  const top = below + height > window.innerHeight - GAP ? Math.max(GAP, at.top - GAP - height) : below;
  return { left: `${Math.max(GAP, Math.min(at.right - WIDTH, window.innerWidth - WIDTH - GAP))}px`, top: `${top}px` };
}

function onKeys(event) {
  const items = [...event.currentTarget.querySelectorAll("[role=menuitem]")];
  const here = items.indexOf(document.activeElement);
  const next = { ArrowDown: here + 1, ArrowUp: here - 1 + items.length, Home: 0, End: items.length - 1 }[event.key];
  if (event.key === "Tab") event.currentTarget.hidePopover();
  if (next === undefined) return;
  event.preventDefault();
  items[next % items.length].focus();
}

/** The one menu of the page; stands beside the pages like the dialogs. */
export function Menu() {
  const menu = open.value;
  const box = useRef(null);
  useEffect(() => {
    if (!menu) return;
    box.current.showPopover();
    Object.assign(box.current.style, placeFor(menu.anchor, box.current));
    box.current.querySelector("[role=menuitem]").focus();
  }, [menu]);
  if (!menu) return null;
  const closed = (event) => {
    if (event.newState !== "closed") return;
    if (box.current?.contains(document.activeElement) || document.activeElement === document.body) menu.anchor.focus();
    open.value = null;
  };
  const choose = (item) => {
    box.current.hidePopover();
    item.run();
  };
  return html`<div ref=${box} class="menu" popover="auto" role="menu" aria-label=${menu.label} onToggle=${closed} onKeyDown=${onKeys}>
    ${menu.items.map(
      (item) => html`<button key=${item.label} type="button" role="menuitem" class="menu-item ${item.loss ? "is-bad" : ""}" onClick=${() => choose(item)}><${Icon} name=${item.icon} size=${18} />${item.label}</button>`,
    )}
  </div>`;
}

/** Three dots that open a menu. `items` is asked for when they are pressed. */
export function MenuButton({ label, items }) {
  const press = (event) => {
    open.value = { anchor: event.currentTarget, label, items: items() };
  };
  return html`<button type="button" class="icon-button" aria-haspopup="menu" aria-label=${label} title=${label} onClick=${press}><${Icon} name="more" /></button>`;
}
