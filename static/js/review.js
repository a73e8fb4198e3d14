/* The review queue. Keys: 1–9 choose in the active field, j and k change the field, Enter accepts, u undoes.
   The next items are fetched ahead and shown at once; answers are sent behind them, one after the other.
   A key decides only what has been painted, and every answer is either kept or comes back to be given again. */
(function () {
  "use strict";
  var AHEAD = 5;
  var PAUSE_MS = 6000;
  var PATIENCE_MS = 20000;
  var page = document.querySelector("[data-review]");
  if (!page) { return; }
  var words = page.dataset;
  var ahead = [];
  var unsent = [];
  var sending = null;
  var fetching = false;
  var over = false;
  var waiting = false;
  var leaving = false;
  var painted = false;
  var sets = [];
  var active = 0;

  function form() { return page.querySelector("[data-review-form]"); }

  function activate(index, still) {
    active = Math.min(sets.length - 1, Math.max(0, index));
    sets.forEach(function (set, at) { set.classList.toggle("is-active", at === active); });
    if (sets[active] && !still) { sets[active].scrollIntoView({ block: "nearest" }); }
  }

  function adopt() {
    sets = Array.from(page.querySelectorAll("[data-choice-set]"));
    sets.forEach(function (set, index) {
      set.addEventListener("focusin", function () { activate(index, true); });
      set.addEventListener("click", function () { activate(index, true); });
    });
    activate(sets.findIndex(function (set) {
      return set.classList.contains("conf--suggested") || set.classList.contains("conf--held");
    }), true);
    painted = false;
    window.requestAnimationFrame(function () {
      window.setTimeout(function () { painted = true; }, 0);
    });
  }

  function toast(level, text) {
    var box = document.querySelector("[data-toasts]");
    var row = document.createElement("div");
    var line = document.createElement("div");
    box.querySelectorAll(".toast--success").forEach(function (old) { old.remove(); });
    row.className = "toast toast--" + level;
    row.dataset.toast = "";
    line.className = "toast__text";
    line.textContent = text;
    row.append(line);
    box.append(row);
    window.setTimeout(function () { row.remove(); }, level === "success" ? PAUSE_MS : 3 * PAUSE_MS);
  }

  /* What the server said last: how far the person is, and what can be taken back. */
  var known = null;

  function showKnown() {
    var bar = page.querySelector("progress");
    var undo = page.querySelector("[data-undo]");
    if (!known) { return; }
    if (bar) {
      bar.max = known.total;
      bar.value = known.done;
      page.querySelector("[data-count]").textContent = known.words;
      var left = document.querySelector("[data-review-left]");
      if (left) { left.textContent = Math.max(0, known.total - known.done); }
    }
    if (undo && known.undo_url) {
      undo.action = known.undo_url;
      undo.hidden = false;
    }
  }

  function held() {
    var rows = ahead.concat(unsent.map(function (answer) { return answer.node; }), sending ? [sending.node] : [], [page]);
    return rows.map(function (node) { return node.dataset.key; }).filter(Boolean);
  }

  /* A server that says nothing for long has not answered. */
  function ask(url, options) {
    var patience = new AbortController();
    window.setTimeout(function () { patience.abort(); }, PATIENCE_MS);
    return fetch(url, Object.assign({ credentials: "same-origin", signal: patience.signal }, options));
  }

  function fill() {
    if (fetching || over || leaving || ahead.length >= AHEAD) { return; }
    fetching = true;
    ask(words.next + "?passed=" + held().join(",")).then(function (answer) {
      if (!answer.ok || answer.redirected) { throw new Error("refused"); }
      return answer.text();
    }).then(function (html) {
      var node = new DOMParser().parseFromString(html, "text/html").querySelector("[data-review]");
      if (node && node.dataset.key && held().indexOf(node.dataset.key) < 0) {
        ahead.push(document.adoptNode(node));
      } else {
        over = true;
      }
    }).catch(function () { over = true; }).then(function () {
      fetching = false;
      if (waiting) { forward(); }
      fill();
    });
  }

  /* Show the next item, say that it is on its way, or load the page that knows there is none. */
  function forward() {
    var node = ahead.shift();
    if (!node) {
      waiting = true;
      page.setAttribute("aria-busy", "true");
      page.querySelectorAll("[data-review-form] button, [data-review-form] input").forEach(function (field) { field.disabled = true; });
      var left = page.querySelector("[data-left]");
      if (left) { left.textContent = words.wait; }
      if (over) { leave(function () { if (waiting) { window.location.assign(words.next); } }); }
      return;
    }
    waiting = false;
    page.replaceWith(node);
    page = node;
    adopt();
    showKnown();
    document.dispatchEvent(new CustomEvent("htmx:afterSwap", { detail: { elt: page } }));
    page.querySelector("[data-subject]").focus({ preventScroll: true });
    window.scrollTo(0, 0);
    fill();
  }

  /* What was to happen after the answers is off: undo would take back an older answer than the one meant. */
  function giveBack(answer, text) {
    toast("error", text);
    leaving = false;
    ahead.unshift(answer.node);
    answer.node.removeAttribute("aria-busy");
    answer.node.querySelectorAll("button, input").forEach(function (field) { field.disabled = false; });
    if (waiting) { forward(); }
  }

  function send() {
    if (sending) { return; }
    sending = unsent.shift() || null;
    if (!sending) {
      if (leaving) { leaving(); }
      return;
    }
    var answer = sending;
    var asked = { method: "POST", body: answer.data, headers: { Accept: "application/json" }, keepalive: true };
    ask(answer.url, asked).then(function (response) {
      if (response.status === 404) { return null; }
      if (!response.ok) { throw new Error("refused"); }
      return response.json();
    }).then(function (said) {
      sending = null;
      if (!said) {
        toast("warning", words.gone);
        return;
      }
      known = said;
      showKnown();
      if (said.kept) { toast(said.level, said.text); } else { giveBack(answer, said.text); }
    }, function () {
      sending = null;
      giveBack(answer, words.lost);
    }).then(send);
  }

  /* Nothing else happens to the page before every answer has arrived. */
  function leave(then) {
    leaving = function () {
      leaving = false;
      then();
    };
    if (!sending) { send(); }
  }

  function accept() {
    var asked = form();
    if (!asked || waiting || leaving || !painted || !asked.reportValidity()) { return; }
    unsent.push({ node: page, url: asked.action, data: new URLSearchParams(new FormData(asked)) });
    forward();
    send();
  }

  /* The second half of a double click falls on an item that nobody has looked at. */
  document.addEventListener("click", function (event) {
    if (event.detail > 1 && event.target.closest("[data-accept]")) { event.preventDefault(); }
  });

  document.addEventListener("submit", function (event) {
    var own = event.target.closest("[data-review]");
    if (!own) { return; }
    if (event.target.matches("[data-review-form]") && (!event.submitter || event.submitter.matches("[data-accept]"))) {
      event.preventDefault();
      accept();
    } else if (sending || unsent.length) {
      event.preventDefault();
      leave(function () { event.target.requestSubmit(event.submitter); });
    }
  });

  window.addEventListener("pagehide", function () {
    unsent.splice(0).forEach(function (answer) { navigator.sendBeacon(answer.url, answer.data); });
  });

  document.addEventListener("keydown", function (event) {
    if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) { return; }
    if (event.repeat && event.key === "Enter") {
      event.preventDefault(); /* a key held down has looked at nothing */
      return;
    }
    if (event.target.closest("input:not([type=radio]), textarea, select, a, button") && event.key === "Enter") { return; }
    if (event.target.closest("input:not([type=radio]), textarea, select")) { return; }
    var undo = page.querySelector("[data-undo]:not([hidden])");
    if (/^[1-9]$/.test(event.key) && sets[active] && !waiting) {
      var choice = sets[active].querySelectorAll("input[type=radio]")[Number(event.key) - 1];
      if (choice) {
        choice.checked = true;
        activate(active + 1);
        event.preventDefault();
      }
    } else if (event.key === "j" || event.key === "k") {
      activate(active + (event.key === "j" ? 1 : -1));
      event.preventDefault();
    } else if (event.key === "Enter" && form()) {
      event.preventDefault();
      accept();
    } else if (event.key === "u" && (undo || sending || unsent.length)) {
      event.preventDefault();
      leave(function () {
        var ready = page.querySelector("[data-undo]");
        if (ready) { ready.requestSubmit(); }
      });
    }
  });

  adopt();
  if (form()) { fill(); }
})();
