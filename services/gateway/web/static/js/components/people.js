import { html, useState } from "../app/view.js";
import { get, patch, post, remove } from "../app/api.js";
import { ROLES, aRole, day } from "../app/accounts.js";
import { confirm } from "../app/asking.js";
import { outward } from "../app/base.js";
import { useForm } from "../app/form.js";
import { useLoad } from "../app/load.js";
import { loadSession, session } from "../app/session.js";
import { sayProblem, toast } from "../app/toasts.js";
import { Choices } from "./choices.js";
import { Field } from "./form-field.js";
import { Icon } from "./icon.js";
import { MenuButton } from "./menu.js";
import { OwnerForm } from "./owner-form.js";
import { PasswordField } from "./password-field.js";
import { ErrorCard, Ghosts } from "./states.js";
import { Refusal, SubmitButton } from "./submit-button.js";

const NAME = { name: "name", label: "Name", required: true };
const ROLE_CHOICES = Object.entries(ROLES).map(([key, [name, about]]) => [key, name, `${about.charAt(0).toUpperCase()}${about.slice(1)}.`]);
const WAYS = { openid: "signs in with single sign-on", proxy: "signed in by the proxy" };

const isMe = (account) => account.id === session.value.account_id;

function AddAccount({ onDone, onClose }) {
  const form = useForm({ name: "", password: "", role: "member" }, async (values) => onDone(await post("/accounts", { ...values, name: values.name.trim() })));
  const { values, problem, set } = form;
  return html`<form ...${form.props}>
    <${Field} field=${NAME} value=${values.name} problem=${problem?.forField?.("name")} onInput=${set} />
    <${PasswordField} id="field-first-password" label="First password" value=${values.password} fresh problem=${problem?.forField?.("password")} onInput=${set} />
    <${Choices} legend="What they may do" name="role" options=${ROLE_CHOICES.slice().reverse()} value=${values.role} onChange=${(role) => set("role", role)} />
    <${Refusal} problem=${problem} fields=${["name", "password"]} />
    <div class="dialog-actions"><button type="button" class="button" onClick=${onClose}>Not now</button><${SubmitButton} form=${form}>Add it<//></div>
  </form>`;
}

function NewPassword({ account, onClose }) {
  const form = useForm({ password: "" }, async ({ password }) => {
    await patch(`/accounts/${account.id}`, { password });
    toast(`${account.name} has a new password, and signs in with it from now on.`);
    onClose();
  });
  const problem = form.problem?.forField?.("password");
  return html`<form ...${form.props}>
    <input type="text" name="name" value=${account.name} autocomplete="username" readonly hidden />
    <${PasswordField} id="field-password-${account.id}" label="A new password for ${account.name}" value=${form.values.password} fresh problem=${problem} onInput=${form.set} />
    <${Refusal} problem=${form.problem} fields=${["password"]} />
    <div class="dialog-actions"><button type="button" class="button" onClick=${onClose}>Leave it</button><${SubmitButton} form=${form}>Set it<//></div>
  </form>`;
}

function reallyRemove(account) {
  const who = isMe(account) ? "You are" : `${account.name} is`;
  const body = `${who} signed out everywhere and cannot sign in any more, and the tokens of ${isMe(account) ? "your" : "their"} programs stop working. Playlists and everything else stay.`;
  return confirm({ title: `Remove ${isMe(account) ? "your own account" : account.name}?`, body, yes: "Remove it", loss: true });
}

function reallyStepDown(role) {
  const body = `You could not manage libraries and accounts any more${role === "reader" ? ", nor make playlists or start runs" : ""}. Only another owner could change that back.`;
  return confirm({ title: `Make yourself ${aRole(role)}?`, body, yes: "Change it", no: "Stay an owner", loss: true });
}

function Account({ account, onRole, onRemove }) {
  const [setting, setSetting] = useState(false);
  const { name, role } = account;
  const items = () => [
    account.signs_in_with === "password" && !isMe(account) && { label: "Set a new password", icon: "key", run: () => setSetting(true) },
    { label: isMe(account) ? "Remove my account" : "Remove it", icon: "trash", loss: true, run: onRemove },
  ].filter(Boolean);
  if (setting) return html`<li class="account-edit"><${NewPassword} account=${account} onClose=${() => setSetting(false)} /></li>`;
  return html`<li class="account">
    <div class="library-words"><h3>${name}${isMe(account) && html` <span class="badge">you</span>`}</h3>
      <p class="quiet">${ROLES[role][1]}<span class="wide-only"> · since ${day(account.created_at)}</span>${WAYS[account.signs_in_with] ? ` · ${WAYS[account.signs_in_with]}` : ""}</p></div>
    <div class="actions">
      <label class="select"><select aria-label="Role of ${name}" value=${role} onChange=${onRole}>${Object.entries(ROLES).map(([key, [title]]) => html`<option key=${key} value=${key}>${title}</option>`)}</select></label>
      <${MenuButton} label="More for ${name}" items=${items} />
    </div>
  </li>`;
}

/** What an owner does to accounts; `show` puts the list in place before the answer is there. */
function usePeople({ data, put: show }) {
  const withIt = (one) => ({ items: [...data.items.filter((other) => other.id !== one.id), one].sort((a, b) => a.name.localeCompare(b.name)) });
  const attempt = async (now, work) => {
    show(now);
    try {
      await work();
    } catch (problem) {
      show(data);
      sayProblem(problem);
    }
  };
  const setRole = (account) => async (event) => {
    const role = event.target.value;
    event.target.value = account.role;
    if (isMe(account) && !(await reallyStepDown(role))) return;
    await attempt(withIt({ ...account, role }), async () => {
      await patch(`/accounts/${account.id}`, { role });
      if (isMe(account)) return loadSession();
      toast(`${account.name} is ${aRole(role)} now, and has to sign in again.`);
    });
  };
  const drop = (account) => async () => {
    if (!(await reallyRemove(account))) return;
    await attempt({ items: data.items.filter((other) => other.id !== account.id) }, async () => {
      await remove(`/accounts/${account.id}`);
      if (isMe(account)) window.location.assign(outward("/"));
      else toast(`${account.name} was removed.`);
    });
  };
  return { setRole, drop, added: (account) => show(withIt(account)) };
}

/** The accounts, for an owner. */
export function People() {
  const list = useLoad("accounts", (abort) => get("/accounts", null, abort));
  const { data, problem, reload } = list;
  const [adding, setAdding] = useState(false);
  const { setRole, drop, added } = usePeople(list);
  if (problem && !data) return html`<${ErrorCard} problem=${problem} onRetry=${reload} />`;
  if (!data) return html`<${Ghosts} rows=${2} />`;
  if (data.items.length === 0) return html`<div class="card add-library"><h3>The owner's account</h3><p class="quiet">There is no account yet. Its owner lets others in.</p><${OwnerForm} code="token" takeFocus=${false} onDone=${reload} /></div>`;
  const done = (account) => {
    added(account);
    setAdding(false);
    toast(`${account.name} can sign in now.`);
  };
  return html`<h3 class="accounts-head">People</h3>
    <ul class="libraries card" aria-label="Accounts">${data.items.map((account) => html`<${Account} key=${account.id} account=${account} onRole=${setRole(account)} onRemove=${drop(account)} />`)}</ul>
    ${adding ? html`<div class="card add-library"><h3>Add an account</h3><${AddAccount} onDone=${done} onClose=${() => setAdding(false)} /></div>` : html`<button type="button" class="button" onClick=${() => setAdding(true)}><${Icon} name="plus" size=${18} />Add an account</button>`}`;
}
