import { effect, html, render } from "./app/view.js";
import { App } from "./app.js";
import { startKeys } from "./app/keys.js";
import { startLive } from "./app/live.js";
import { startPlayer, track } from "./app/player.js";
import { startRouter } from "./app/router.js";
import { boot, startStore } from "./app/store.js";
import { startTheme } from "./app/theme.js";

startTheme();
startRouter();
startKeys();
startStore();
startPlayer(document.body);
effect(() => document.documentElement.classList.toggle("has-player", track.value !== null));
const root = document.getElementById("app");
root.replaceChildren();
render(html`<${App} />`, root);
boot().then(startLive);
