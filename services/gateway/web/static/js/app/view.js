// The one place that knows where the view library lives: every component imports from here.

import { h, render, Fragment } from "../../vendor/preact.js";
import htm from "../../vendor/htm.js";

export const html = htm.bind(h);
export { h, render, Fragment };
export { useState, useEffect, useLayoutEffect, useRef, useMemo, useCallback, useErrorBoundary } from "../../vendor/preact-hooks.js";
export { signal, computed, effect, batch, useSignal, useComputed, useSignalEffect } from "../../vendor/signals.js";
