/* Runs before the first paint: marks that script works and restores the chosen theme. */
(function () {
  "use strict";
  var root = document.documentElement;
  var KEY = "switchyard-theme";
  root.classList.add("js");

  function stored() {
    try {
      return window.localStorage.getItem(KEY);
    } catch (error) {
      return null; /* storage is blocked: follow the system */
    }
  }

  function apply(theme) {
    if (theme === "light" || theme === "dark") {
      root.setAttribute("data-theme", theme);
    } else {
      root.removeAttribute("data-theme");
    }
  }

  apply(stored());

  document.addEventListener("click", function (event) {
    if (!event.target.closest("[data-theme-switch]")) {
      return;
    }
    var systemDark = window.matchMedia("(prefers-color-scheme: dark)").matches;
    var now = root.getAttribute("data-theme") || (systemDark ? "dark" : "light");
    var next = now === "dark" ? "light" : "dark";
    apply(next);
    try {
      window.localStorage.setItem(KEY, next);
    } catch (error) {
      /* the choice lasts for this page only */
    }
  });
})();
