import { useCallback, useEffect, useRef, useState } from "./view.js";

const KEPT = 40;
const cache = new Map();

function keep(key, data) {
  cache.delete(key);
  cache.set(key, data);
  if (cache.size > KEPT) cache.delete(cache.keys().next().value);
}

/** Forget everything: somebody else may be here now. */
export const forgetLoaded = () => cache.clear();

/**
 * Load something when `key` changes. What was loaded before under the same key is there at once, and is then read again.
 * @template T
 * @param {string} key
 * @param {(abort: AbortSignal) => Promise<T>} load
 * @returns {{data: T | null, problem: Error | null, reload: () => void, put: (data: T) => void}}
 */
export function useLoad(key, load) {
  const [state, setState] = useState({ key, data: cache.get(key) ?? null, problem: null });
  const [turn, setTurn] = useState(0);
  const loader = useRef(load);
  loader.current = load;
  useEffect(() => {
    const abort = new AbortController();
    setState((before) => (before.key === key ? before : { key, data: cache.get(key) ?? null, problem: null }));
    loader.current(abort.signal).then(
      (data) => {
        if (abort.signal.aborted) return;
        keep(key, data);
        setState({ key, data, problem: null });
      },
      (problem) => abort.signal.aborted || setState((before) => ({ ...before, problem })),
    );
    return () => abort.abort();
  }, [key, turn]);
  const reload = useCallback(() => setTurn((before) => before + 1), []);
  const put = useCallback((data) => (keep(key, data), setState({ key, data, problem: null })), [key]);
  const current = state.key === key ? state : { data: cache.get(key) ?? null, problem: null };
  return { data: current.data, problem: current.problem, reload, put };
}

/** Load a list behind a cursor, page after page on demand. */
export function useMore(key, loadPage) {
  const first = useLoad(key, (abort) => loadPage(null, abort));
  const [busy, setBusy] = useState(false);
  const more = async () => {
    setBusy(true);
    try {
      const page = await loadPage(first.data.next_cursor);
      first.put({ items: [...first.data.items, ...page.items], next_cursor: page.next_cursor });
    } finally {
      setBusy(false);
    }
  };
  return { ...first, busy, more: first.data?.next_cursor ? more : null };
}
