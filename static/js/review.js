/* Keys of the review queue: 1–9 choose in the active field, j and k change the field, Enter accepts, u undoes. */
(function () {
  "use strict";
  var form = document.querySelector("[data-review-form]");
  var undo = document.querySelector("[data-undo]");
  var sets = form ? Array.from(form.querySelectorAll("[data-choice-set]")) : [];
  var active = Math.max(0, sets.findIndex(function (set) {
    return set.classList.contains("conf--suggested") || set.classList.contains("conf--held");
  }));

  function activate(index, still) {
    active = Math.min(sets.length - 1, Math.max(0, index));
    sets.forEach(function (set, at) { set.classList.toggle("is-active", at === active); });
    if (sets[active] && !still) { sets[active].scrollIntoView({ block: "nearest" }); }
  }

  sets.forEach(function (set, index) {
    set.addEventListener("focusin", function () { activate(index, true); });
    set.addEventListener("click", function () { activate(index, true); });
  });
  if (sets.length) { activate(active, true); }

  document.addEventListener("keydown", function (event) {
    if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) { return; }
    if (event.target.closest("input:not([type=radio]), textarea, select, a, button") && event.key === "Enter") { return; }
    if (event.target.closest("input:not([type=radio]), textarea, select")) { return; }
    if (/^[1-9]$/.test(event.key) && sets[active]) {
      var choice = sets[active].querySelectorAll("input[type=radio]")[Number(event.key) - 1];
      if (choice) {
        choice.checked = true;
        activate(active + 1);
        event.preventDefault();
      }
    } else if (event.key === "j" || event.key === "k") {
      activate(active + (event.key === "j" ? 1 : -1));
      event.preventDefault();
    } else if (event.key === "Enter" && form) {
      event.preventDefault();
      form.requestSubmit(form.querySelector("[data-accept]"));
    } else if (event.key === "u" && undo) {
      event.preventDefault();
      undo.requestSubmit();
    }
  });
})();
