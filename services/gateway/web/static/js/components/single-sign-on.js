import { html, useEffect, useState } from "../app/view.js";
import { navigate, place } from "../app/router.js";
import { session } from "../app/session.js";
import { Result } from "./form-field.js";
import { Icon } from "./icon.js";

const FAILED = "sign-in";
const AGAIN = "Try again, and if it stays, ask whoever runs this Starling; its log says more.";

/** Why nobody was signed in, as the address tells it on the way back from the provider. */
const WORDS = {
  expired: "Signing in took too long, or was done already. Try again.",
  other_browser: "Signing in was begun in another browser, or at another address of this Starling. Try again from here.",
  refused: "Single sign-on has let nobody in. Try again, and choose an account there.",
  unavailable: "Single sign-on does not answer. Try again in a moment.",
  set_up: "There is no owner yet, and you are not named as one. Ask whoever runs this Starling.",
  not_invited: "You are known there, but not invited here. Ask an owner to let you in.",
  name_taken: "Somebody else has your name here. Ask an owner.",
};

/** Where we are, as an address to come back to. */
function here({ path, query }) {
  const rest = new URLSearchParams(query);
  rest.delete(FAILED);
  return `${path}${rest.size ? `?${rest}` : ""}`;
}

/** What went wrong at the last try; the address forgets it at once. */
export function SingleSignOnProblem() {
  const [reason] = useState(() => place.value.query.get(FAILED));
  useEffect(() => {
    if (reason) navigate(here(place.value), { replace: true });
  }, []);
  return reason && html`<${Result} result=${{ ok: false, message: WORDS[reason] ?? `Single sign-on did not work. ${AGAIN}` }} />`;
}

/** Leads to whom the operator trusts to say who somebody is, and back to where we are. `or` is for what stands above. */
export function SingleSignOn({ or }) {
  if (!session.value.ways.includes("openid")) return null;
  const to = encodeURIComponent(here(place.value));
  return html`${or && html`<p class="or"><span>or</span></p>`}
    <a class="button button-wide" href="/api/v1/openid/sign-in?to=${to}" data-leave><${Icon} name="person" size=${18} />Sign in with single sign-on</a>`;
}
