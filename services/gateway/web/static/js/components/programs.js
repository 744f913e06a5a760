import { html, useState } from "../app/view.js";
import { get, post, remove } from "../app/api.js";
import { SCOPES, endOf, tokenWords } from "../app/accounts.js";
import { confirm, showToken } from "../app/asking.js";
import { useForm } from "../app/form.js";
import { useLoad } from "../app/load.js";
import { atMost } from "../app/rights.js";
import { session } from "../app/session.js";
import { sayProblem, toast } from "../app/toasts.js";
import { Choices } from "./choices.js";
import { Field, Segments } from "./form-field.js";
import { Icon } from "./icon.js";
import { ErrorCard, Ghosts } from "./states.js";
import { Refusal, SubmitButton } from "./submit-button.js";

const NAME = { name: "name", label: "Which program", placeholder: "e.g. the player in the kitchen", required: true };
const LIVES = [
  ["month", "In 30 days"],
  ["year", "In a year"],
  ["never", "Never"],
];

function NewProgram({ onDone, onClose }) {
  const form = useForm({ name: "", scope: "read", life: "year" }, async ({ name, scope, life }) => onDone(await post("/tokens", { name: name.trim(), scope, expires_at: endOf(life) })));
  const { values, problem, set } = form;
  const allowed = Object.entries(SCOPES).filter(([scope]) => atMost(session.value.right).includes(scope));
  return html`<form ...${form.props}>
    <${Field} field=${NAME} value=${values.name} problem=${problem?.forField?.("name")} onInput=${set} />
    <${Choices} legend="What it may do" name="scope" options=${allowed.map(([key, [name, about]]) => [key, name, about])} value=${values.scope} onChange=${(scope) => set("scope", scope)} />
    <div class="field"><span>When its token ends</span><${Segments} label="When its token ends" name="life" options=${LIVES} value=${values.life} onChange=${(life) => set("life", life)} /></div>
    <${Refusal} problem=${problem} fields=${["name"]} />
    <div class="dialog-actions"><button type="button" class="button" onClick=${onClose}>Not now</button><${SubmitButton} form=${form}>Make a token<//></div>
  </form>`;
}

function Program({ token, onRevoke }) {
  return html`<li class="account">
    <div class="library-words"><h3>${token.name}</h3><p class="quiet">may ${SCOPES[token.scope][0].toLowerCase()} · as ${token.account} · ${tokenWords(token)}</p></div>
    <div class="actions"><button type="button" class="button" aria-label="Revoke the token of ${token.name}" onClick=${onRevoke}>Revoke</button></div>
  </li>`;
}

/** Programs that may use this Starling, each with a token. */
export function Programs() {
  const { data, problem, reload, put: show } = useLoad("tokens", (abort) => get("/tokens", null, abort));
  const [making, setMaking] = useState(false);
  if (problem && !data) return html`<${ErrorCard} problem=${problem} onRetry=${reload} />`;
  if (!data) return html`<${Ghosts} rows=${2} />`;
  const made = ({ token: secret, ...token }) => {
    show({ items: [token, ...data.items] });
    setMaking(false);
    showToken({ name: token.name, token: secret });
  };
  const revoke = (token) => async () => {
    const yes = await confirm({ title: `Revoke the token of ${token.name}?`, body: "The program is shut out at once. There is no way back but a new token.", yes: "Revoke it", loss: true });
    if (!yes) return;
    show({ items: data.items.filter((other) => other.id !== token.id) });
    try {
      await remove(`/tokens/${token.id}`);
      toast(`${token.name} is shut out.`);
    } catch (failed) {
      show(data);
      sayProblem(failed);
    }
  };
  return html`<h3 class="accounts-head">Programs</h3>
    ${data.items.length > 0 && html`<ul class="libraries card" aria-label="Programs">${data.items.map((token) => html`<${Program} key=${token.id} token=${token} onRevoke=${revoke(token)} />`)}</ul>`}
    ${data.items.length === 0 && !making && html`<p class="quiet accounts-words">None yet. A program that is to use Starling needs a token, which acts for your account and can be revoked alone.</p>`}
    ${making ? html`<div class="card add-library"><h3>A token for a program</h3><${NewProgram} onDone=${made} onClose=${() => setMaking(false)} /></div>` : html`<button type="button" class="button" onClick=${() => setMaking(true)}><${Icon} name="plus" size=${18} />Let a program in</button>`}`;
}
