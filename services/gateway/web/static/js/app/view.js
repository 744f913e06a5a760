// The one place that knows where the view library lives: every component imports from here.

import { h, options, render, Fragment } from "../../vendor/preact.js";
import htm from "../../vendor/htm.js";
import { outward } from "./base.js";

const LEADING = ["href", "src", "action"];
const others = options.vnode;

// Components write addresses as if Starling lived at the root of its host; here they get what stands before.
options.vnode = (vnode) => {
  if (typeof vnode.type === "string") {
    for (const name of LEADING) if (typeof vnode.props[name] === "string") vnode.props[name] = outward(vnode.props[name]);
  }
  others?.(vnode);
};

export const html = htm.bind(h);
export { h, render, Fragment };
export { useState, useEffect, useLayoutEffect, useRef, useMemo, useCallback, useErrorBoundary } from "../../vendor/preact-hooks.js";
export { signal, computed, effect, batch, useSignal, useComputed, useSignalEffect } from "../../vendor/signals.js";
