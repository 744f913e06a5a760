import { html, useState } from "../app/view.js";
import { post, signedOut } from "../app/api.js";
import { boot } from "../app/store.js";
import { Icon } from "../components/icon.js";
import { Logo } from "../components/logo.js";

/** Asks for the token that Starling was started with. */
export function SignInPage() {
  const [token, setToken] = useState("");
  const [state, setState] = useState({ busy: false, problem: null });
  const submit = async (event) => {
    event.preventDefault();
    if (!token.trim()) return document.getElementById("token").focus();
    setState({ busy: true, problem: null });
    try {
      await post("/session", { token: token.trim() });
      signedOut.value = false;
      await boot();
    } catch (problem) {
      setState({ busy: false, problem });
    }
  };
  return html`<main class="sign-in">
    <form class="card" onSubmit=${submit}>
      <span class="brand"><${Logo} size=${40} /></span>
      <h1 tabindex="-1">Sign in to Starling</h1>
      <p>This Starling is locked. Its access token is the value of STARLING_TOKEN that it was started with.</p>
      <label class="field ${state.problem ? "field-bad" : ""}" for="token"><span>Access token</span>
        <input id="token" type="password" autocomplete="current-password" autofocus value=${token} aria-describedby="token-problem" onInput=${(event) => setToken(event.target.value)} />
        ${state.problem && html`<small id="token-problem" class="field-problem" role="alert">${state.problem.message}</small>`}
      </label>
      <button type="submit" class="button button-main button-wide" disabled=${state.busy}><${Icon} name="key" size=${18} />${state.busy ? "Signing in" : "Sign in"}</button>
    </form>
  </main>`;
}
