import { useEffect, useRef, useState } from "./view.js";

const TICK_MS = 250;

/**
 * A form: its values, whether they are on their way, what was wrong with them. An empty or too short field gets the
 * focus instead of being sent.
 * @param {object} first
 * @param {(values: any) => Promise<any>} send may throw a Problem
 * @param {{takeFocus?: boolean}} [options] false for a form that nobody has asked for
 */
export function useForm(first, send, { takeFocus = true } = {}) {
  const element = useRef(null);
  const [values, setValues] = useState(first);
  const [{ busy, problem }, setState] = useState({ busy: false, problem: null });
  const set = (name, value) => setValues((before) => ({ ...before, [name]: value }));
  const submit = async (event) => {
    event.preventDefault();
    const unready = [...event.currentTarget.elements].find((field) => field.willValidate && !field.checkValidity());
    if (unready) return unready.focus();
    setState({ busy: true, problem: null });
    try {
      await send(values);
      setState({ busy: false, problem: null });
    } catch (failed) {
      setState({ busy: false, problem: failed });
    }
  };
  useEffect(() => {
    if (takeFocus) element.current.querySelector("input:not([hidden])").focus();
  }, []);
  return { values, set, busy, problem, wait: useWait(problem), props: { class: "stack", ref: element, onSubmit: submit, noValidate: true } };
}

/** The seconds until another try is worth while, counted down; 0 where nobody said to wait. */
function useWait(problem) {
  const [left, setLeft] = useState(0);
  useEffect(() => {
    if (!problem?.retryAfter) return setLeft(0);
    const until = performance.now() + 1000 * problem.retryAfter;
    const look = () => setLeft(Math.max(0, Math.ceil((until - performance.now()) / 1000)));
    look();
    const timer = setInterval(look, TICK_MS);
    return () => clearInterval(timer);
  }, [problem]);
  return left;
}
