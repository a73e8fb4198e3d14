/* Keys of the desk: lists (j, k, Enter, x, p or space), search (/), help (?), the ticket page (r, n, d, Ctrl+Enter), the facts (s, a, t, c, m, [, ]), jumps (g q, g r, g m). */
(function () {
  "use strict";
  var rows = Array.from(document.querySelectorAll("[data-list] [data-row]"));
  var current = rows.findIndex(function (row) { return row.hasAttribute("aria-current"); });
  var jump = false;

  function typing(target) {
    return target.closest("input:not([type=checkbox], [type=radio]), textarea, select, [contenteditable]") !== null;
  }

  function focusRow(step) {
    if (!rows.length) { return; }
    current = Math.min(rows.length - 1, Math.max(0, current + step));
    rows.forEach(function (row, index) { row.classList.toggle("is-focused", index === current); });
    rows[current].focus({ preventScroll: true });
    rows[current].scrollIntoView({ block: "nearest" });
  }

  /* Selection and the bulk bar, which shows its count before it acts. */
  var bar = document.querySelector("[data-bulk]");
  var boxes = Array.from(document.querySelectorAll("[data-select]"));
  var all = document.querySelector("[data-select-all]");

  function refreshBulk() {
    var count = boxes.filter(function (box) { return box.checked; }).length;
    var says = document.getElementById("script-words").dataset;
    boxes.forEach(function (box) { box.closest("[data-row]").classList.toggle("is-selected", box.checked); });
    if (all) {
      all.checked = count > 0 && count === boxes.length;
      all.indeterminate = count > 0 && count < boxes.length;
    }
    if (!bar) { return; }
    bar.hidden = count === 0;
    bar.querySelector("[data-bulk-count]").textContent = (count === 1 ? says.oneSelected : says.selected.replace("{n}", count));
    bar.querySelector("[data-bulk-apply]").textContent = (count === 1 ? says.reviewOne : says.review.replace("{n}", count));
  }

  function toggleRow() {
    var box = rows[current] && rows[current].querySelector("[data-select]");
    if (box) {
      box.checked = !box.checked;
      refreshBulk();
    }
  }

  boxes.forEach(function (box) { box.addEventListener("change", refreshBulk); });
  if (all) {
    all.addEventListener("change", function () {
      boxes.forEach(function (box) { box.checked = all.checked; });
      refreshBulk();
    });
  }
  document.addEventListener("click", function (event) {
    if (event.target.closest("[data-bulk-clear]")) {
      boxes.forEach(function (box) { box.checked = false; });
      refreshBulk();
      return;
    }
    var row = event.target.closest("tr[data-row]");
    if (row && !event.target.closest("a, button, input, label") && !String(window.getSelection())) {
      window.location.assign(row.dataset.href);
    }
  });
  refreshBulk();

  function compose(kind) {
    var radio = document.querySelector("[data-kind-" + kind + "]");
    var body = document.querySelector("[data-composer-body]");
    if (!radio || !body) { return false; }
    radio.checked = true;
    radio.dispatchEvent(new Event("change", { bubbles: true }));
    body.focus();
    return true;
  }

  function click(selector) {
    var node = document.querySelector(selector);
    if (!node || node.hidden) { return false; }
    node.click();
    return true;
  }

  function focusOn(selector) {
    var node = document.querySelector(selector);
    if (!node) { return false; }
    node.focus();
    return true;
  }

  function openHelp() {
    var dialog = document.getElementById("keyboard-help");
    if (dialog && !dialog.open) { dialog.showModal(); }
    return true;
  }

  function search() {
    var field = document.querySelector("[data-search]");
    if (!field) { return false; }
    field.focus();
    field.select();
    return true;
  }

  function openRow() {
    if (current < 0 || document.activeElement !== rows[current]) { return false; }
    window.location.assign(rows[current].dataset.href);
    return true;
  }

  /* The ticket in short, over the list; j and k go on with it open. */
  var sheet = document.getElementById("preview");

  function preview() {
    var row = rows[current];
    if (!row || !row.dataset.preview || !sheet) { return false; }
    window.htmx.ajax("GET", row.dataset.preview, { target: "#preview", swap: "innerHTML" }).then(function () {
      if (!sheet.open) { sheet.showModal(); }
    });
    return true;
  }

  if (sheet) {
    /* On the document: what had the focus inside is replaced with each ticket. */
    document.addEventListener("keydown", function (event) {
      if (!sheet.open || event.ctrlKey || event.metaKey || event.altKey) { return; }
      if (event.key === "j" || event.key === "k") {
        current = Math.min(rows.length - 1, Math.max(0, current + (event.key === "j" ? 1 : -1)));
        rows.forEach(function (row, index) { row.classList.toggle("is-focused", index === current); });
        rows[current].scrollIntoView({ block: "nearest" });
        preview();
      } else if (event.key === "p" || event.key === " ") {
        event.preventDefault();
        event.stopPropagation(); /* else the list, now in front, would open it again */
        sheet.close();
      }
    }, true);
  }

  var keys = {
    "j": function () { focusRow(1); return rows.length > 0; },
    "k": function () { focusRow(-1); return rows.length > 0; },
    "x": function () { toggleRow(); return true; },
    "Enter": openRow,
    "/": search,
    "?": openHelp,
    "r": function () { return compose("reply"); },
    "n": function () { return compose("note"); },
    "d": function () { return click("[data-draft-take]"); },
    "c": function () { return focusOn("[data-macro-pick]"); },
    "t": function () { return focusOn("[data-tags]"); },
    "s": function () { return focusOn("#fact-status"); },
    "a": function () { return focusOn("#fact-assignee"); },
    "m": function () { return click("[data-merge]"); },
    "p": preview,
    " ": preview,
    "[": function () { return click("[data-prev]"); },
    "]": function () { return click("[data-next]"); }
  };

  document.addEventListener("keydown", function (event) {
    if ((event.ctrlKey || event.metaKey) && event.key === "Enter" && event.target.matches("[data-composer-body]")) {
      var note = document.querySelector("[data-kind-note]");
      event.preventDefault();
      click(note && note.checked ? "[data-send-note]" : "[data-send]");
      return;
    }
    if (event.key === "Escape" && typing(event.target)) {
      event.target.blur();
      return;
    }
    if (event.ctrlKey || event.metaKey || event.altKey || typing(event.target) || document.querySelector("dialog[open]")) {
      return;
    }
    if (document.querySelector("[data-review-form]") && "jkEnterx".indexOf(event.key) >= 0) {
      return; /* review.js owns these keys on its page */
    }
    if (jump) {
      jump = false;
      if (click('[data-go="' + CSS.escape(event.key) + '"]')) { event.preventDefault(); }
      return;
    }
    if (event.key === "g") {
      jump = true;
      window.setTimeout(function () { jump = false; }, 900);
      return;
    }
    var action = Object.prototype.hasOwnProperty.call(keys, event.key) ? keys[event.key] : null;
    if (action && action()) { event.preventDefault(); }
  });
})();
