import { html, useState } from "../app/view.js";
import { confirm } from "../app/asking.js";
import { plural } from "../app/format.js";
import { mayWrite } from "../app/rights.js";
import { navigate } from "../app/router.js";
import { isActive, startAnalysis, steerRun } from "../app/store.js";
import { sayProblem, toast } from "../app/toasts.js";

function reallyStop(run) {
  const { analysed, remaining } = run.totals;
  const left = run.listing_done ? plural(remaining, "song") : "The other songs";
  return confirm({
    title: "Stop this analysis?",
    body: `${left} will stay without similar songs. ${plural(analysed, "song")} analysed so far ${analysed === 1 ? "is" : "are"} kept, and a later run takes up where this one stopped.`,
    yes: "Stop it",
    no: "Go on",
    loss: true,
  });
}

/** Pause, go on, stop. */
export function RunActions({ run }) {
  const [busy, setBusy] = useState(null);
  if (!isActive(run) || !mayWrite.value) return null;
  const steer = async (verb) => {
    setBusy(verb);
    try {
      await steerRun(run, verb);
    } catch (problem) {
      sayProblem(problem);
    }
    setBusy(null);
  };
  const paused = run.state === "paused";
  const stop = async () => (await reallyStop(run)) && steer("cancel");
  return html`<div class="actions">
    <button type="button" class="button" disabled=${busy !== null} onClick=${() => steer(paused ? "resume" : "pause")}>${paused ? "Go on" : "Pause"}</button>
    <button type="button" class="button" disabled=${busy !== null} onClick=${stop}>${busy === "cancel" ? "Stopping" : "Stop"}</button>
  </div>`;
}

/** Try the failed songs of a run again, in each of its libraries. */
export function RetryFailed({ run }) {
  const [busy, setBusy] = useState(false);
  if (!mayWrite.value) return null;
  const retry = async () => {
    setBusy(true);
    try {
      const ids = await Promise.all(run.server_ids.map((server_id) => startAnalysis({ server_id, scope: "failed", profile: run.profile })));
      toast("Trying the failed songs again.");
      navigate(`/runs/${ids[0]}`);
    } catch (problem) {
      sayProblem(problem);
    }
    setBusy(false);
  };
  return html`<button type="button" class="button" disabled=${busy} onClick=${retry}>${busy ? "Starting" : "Try these again"}</button>`;
}
