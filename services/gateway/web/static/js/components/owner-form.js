import { html } from "../app/view.js";
import { useForm } from "../app/form.js";
import { loadSession, setUp } from "../app/session.js";
import { Field } from "./form-field.js";
import { PasswordField } from "./password-field.js";
import { Refusal, SubmitButton } from "./submit-button.js";

const NAME = { name: "name", label: "Your name", autocomplete: "username", required: true };

/** Where to find what proves that one is the operator. */
const CODES = {
  printed: { label: "Code", note: "Starling has printed it: look where “starling up” runs, or into the output of the gateway's container.", wrong: "This is not the code. Take the last one that was printed." },
  token: { label: "Access token", note: "The value of STARLING_TOKEN that Starling was started with.", wrong: "This is not the value of STARLING_TOKEN." },
};

/** Makes the first account. `code` is the kind of proof that is asked for, null for whoever sits at the machine. */
export function OwnerForm({ code, takeFocus, onDone }) {
  const send = async ({ name, password, code: proof }) => {
    try {
      await setUp({ name: name.trim(), password, ...(code ? { code: proof.trim() } : {}) });
    } catch (problem) {
      // Somebody was quicker: the page then asks to sign in.
      if (problem.status === 409) await loadSession();
      throw problem;
    }
    onDone?.();
  };
  const form = useForm({ name: "", password: "", code: "" }, send, { takeFocus });
  const { values, problem, set } = form;
  const wrongCode = problem?.reason === "wrong_code" ? CODES[code].wrong : problem?.forField?.("code");
  return html`<form ...${form.props}>
    <${Field} field=${NAME} value=${values.name} problem=${problem?.forField?.("name")} onInput=${set} />
    <${PasswordField} id="field-password" label="Password" value=${values.password} fresh problem=${problem?.forField?.("password")} onInput=${set} />
    ${code && html`<${PasswordField} id="field-code" name="code" label=${CODES[code].label} value=${values.code} autocomplete="off" note=${CODES[code].note} problem=${wrongCode} onInput=${set} />`}
    <${Refusal} problem=${problem} fields=${["name", "password", "code"]} />
    <${SubmitButton} form=${form} icon="key" wide>Make the owner's account<//>
  </form>`;
}
