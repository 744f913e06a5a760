// Runs before the first paint, so that a dark page never flashes white. Everything else about themes: app/theme.js.
(function () {
  var choice = null;
  try {
    choice = localStorage.getItem("starling.theme");
  } catch (error) {
    // Storage can be forbidden; the system's preference is then the only one.
  }
  var dark = choice === "dark" || (choice !== "light" && matchMedia("(prefers-color-scheme: dark)").matches);
  document.documentElement.dataset.theme = dark ? "dark" : "light";
})();
