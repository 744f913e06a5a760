import { html, useState } from "../app/view.js";
import { put } from "../app/api.js";
import { ROLES } from "../app/accounts.js";
import { useForm } from "../app/form.js";
import { mayManage } from "../app/rights.js";
import { session, signOut } from "../app/session.js";
import { sayProblem, toast } from "../app/toasts.js";
import { Icon } from "./icon.js";
import { OwnerForm } from "./owner-form.js";
import { PasswordField } from "./password-field.js";
import { People } from "./people.js";
import { Programs } from "./programs.js";
import { Refusal, SubmitButton } from "./submit-button.js";

/** Nobody has an account yet, and whoever sits here may make the first one. */
function Open() {
  const [making, setMaking] = useState(false);
  const made = () => toast("Your account was made, and you are signed in.");
  return html`<p class="accounts-words">Whoever uses this machine may do everything here. Make the owner's account to let others in.</p>
    ${making
      ? html`<div class="card add-library"><header class="card-head"><h3>The owner's account</h3><button type="button" class="icon-button" aria-label="Close" onClick=${() => setMaking(false)}><${Icon} name="close" /></button></header>
          <p class="quiet">From then on everybody signs in, you too.</p><${OwnerForm} code=${null} onDone=${made} /></div>`
      : html`<button type="button" class="button" onClick=${() => setMaking(true)}><${Icon} name="key" size=${18} />Make the owner's account</button>`}`;
}

function ChangePassword({ onDone }) {
  const form = useForm({ current: "", fresh: "" }, async ({ current, fresh }) => {
    await put("/session/password", { current, new: fresh });
    toast("Your password was changed. Your other sessions have ended.");
    onDone();
  });
  const { values, problem, set } = form;
  return html`<form ...${form.props}>
    <input type="text" name="name" value=${session.value.name} autocomplete="username" readonly hidden />
    <${PasswordField} id="field-current" name="current" label="Your password now" value=${values.current} problem=${problem?.forField?.("current")} onInput=${set} />
    <${PasswordField} id="field-fresh" name="fresh" label="The new one" value=${values.fresh} fresh problem=${problem?.forField?.("new")} onInput=${set} />
    <${Refusal} problem=${problem} fields=${["current", "new"]} />
    <div class="dialog-actions"><button type="button" class="button" onClick=${onDone}>Leave it</button><${SubmitButton} form=${form}>Change it<//></div>
  </form>`;
}

/** Who is here, and what they may do. */
function Me() {
  const { name, role } = session.value;
  const [changing, setChanging] = useState(false);
  const words = role ? `${ROLES[role][0]}, ${ROLES[role][1]}` : "Came with STARLING_TOKEN, may do everything";
  return html`<div class="card me">
    <div class="library">
      <span class="library-icon"><${Icon} name=${role ? "person" : "key"} size=${22} /></span>
      <div class="library-words"><h3>${role ? name : "The operator"}</h3><p class="quiet">${words}</p></div>
      <div class="actions">
        ${role && !changing && html`<button type="button" class="button" onClick=${() => setChanging(true)}>Change my password</button>`}
        <button type="button" class="button" onClick=${() => signOut().catch(sayProblem)}><${Icon} name="leave" size=${18} />Sign out</button>
      </div>
    </div>
    ${changing && html`<${ChangePassword} onDone=${() => setChanging(false)} />`}
  </div>`;
}

/** Who may use this Starling: oneself, the others, the programs. */
export function Accounts() {
  const { state, account_id: mine } = session.value;
  if (state === "open") return html`<${Open} />`;
  return html`<${Me} />
    ${mayManage.value && html`<${People} />`}
    ${mine && html`<${Programs} />`}`;
}
