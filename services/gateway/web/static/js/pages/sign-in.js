import { html, useState } from "../app/view.js";
import { useForm } from "../app/form.js";
import { ended, session, signIn } from "../app/session.js";
import { DoorCard } from "../components/door-card.js";
import { Field } from "../components/form-field.js";
import { OwnerForm } from "../components/owner-form.js";
import { PasswordField } from "../components/password-field.js";
import { SingleSignOn, SingleSignOnProblem } from "../components/single-sign-on.js";
import { Refusal, SubmitButton } from "../components/submit-button.js";

const NAME = { name: "name", label: "Name", autocomplete: "username", required: true };

function ByPassword() {
  const form = useForm({ name: "", password: "" }, ({ name, password }) => signIn({ name: name.trim(), password }));
  const { values, problem, set } = form;
  return html`<form ...${form.props}>
    <${Field} field=${NAME} value=${values.name} problem=${problem?.forField?.("name")} onInput=${set} />
    <${PasswordField} id="field-password" label="Password" value=${values.password} problem=${problem?.forField?.("password")} onInput=${set} />
    <${Refusal} problem=${problem} fields=${["name", "password"]} />
    <${SubmitButton} form=${form} icon="key" wide>Sign in<//>
  </form>`;
}

function ByToken() {
  const form = useForm({ token: "" }, ({ token }) => signIn({ token: token.trim() }));
  const note = "The value of STARLING_TOKEN that Starling was started with.";
  return html`<form ...${form.props}>
    <${PasswordField} id="field-token" name="token" label="Access token" value=${form.values.token} note=${note} onInput=${form.set} />
    <${Refusal} problem=${form.problem} fields=${[]} />
    <${SubmitButton} form=${form} icon="key" wide>Sign in<//>
  </form>`;
}

const FORMS = {
  password: ByPassword,
  token: ByToken,
  owner: () => html`<${OwnerForm} code="token" />`,
};

/** The other ways in, as [way, words]. Without the way of a password there is no account yet. */
function others(ways, way) {
  const all = [
    ways.includes("password") && ["password", "Use name and password instead"],
    ways.includes("token") && ["token", "Use the operator's token instead"],
    ways.includes("token") && !ways.includes("password") && ["owner", "Make the owner's account instead"],
  ];
  return all.filter((one) => one && one[0] !== way);
}

/** Asks who somebody is; the address stays, and its page comes as soon as that is known. */
export function SignInPage() {
  const { ways } = session.value;
  const [way, setWay] = useState(["password", "token"].find((one) => ways.includes(one)));
  const Form = FORMS[way];
  return html`<${DoorCard} title=${way === "owner" ? "Make the owner's account" : "Sign in"}>
    ${ended.value && html`<p class="quiet" role="status">You are not signed in any more. Sign in to go on where you were.</p>`}
    <${SingleSignOnProblem} />
    ${Form && html`<${Form} key=${way} />`}
    <${SingleSignOn} or=${Boolean(Form)} />
    ${others(ways, way).map(([key, words]) => html`<button key=${key} type="button" class="button button-plain" onClick=${() => setWay(key)}>${words}</button>`)}
  <//>`;
}
