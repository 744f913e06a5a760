import { html } from "../app/view.js";
import { DoorCard } from "../components/door-card.js";
import { OwnerForm } from "../components/owner-form.js";
import { SingleSignOn, SingleSignOnProblem } from "../components/single-sign-on.js";

/** Before there is an account, for whoever does not sit at the machine. */
export function SetUpPage() {
  return html`<${DoorCard} title="Welcome to Starling">
    <p>Make the owner's account first. It may do everything here, and lets others in.</p>
    <${SingleSignOnProblem} />
    <${OwnerForm} code="printed" />
    <${SingleSignOn} or />
  <//>`;
}
