/* Small helpers of every page. Each works by data attributes, survives htmx swaps and is optional:
   the pages work without script. Positions are set through the CSSOM, which the content policy allows. */
(function () {
  "use strict";

  /* Relative times. */
  var MINUTE = 60;
  var HOUR = 3600;
  var DAY = 86400;
  var root = document.documentElement;
  var language = root.lang === "de" ? "de-DE" : "en-GB";
  var browserZone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  var zone = root.dataset.zone || browserZone;
  var words = new Intl.RelativeTimeFormat(language, { numeric: "auto" });
  var exact = new Intl.DateTimeFormat(language, { dateStyle: "medium", timeStyle: "short", timeZone: zone });
  var soonish = new Intl.DateTimeFormat(language, { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", timeZone: zone });
  var says = (document.getElementById("script-words") || root).dataset;

  /* The server writes times in this zone from the next page on, unless the profile names another. */
  if (browserZone) {
    document.cookie = "switchyard_time_zone=" + browserZone + "; path=/; max-age=31536000; samesite=lax";
  }

  function shortSpan(seconds) {
    var size = Math.abs(seconds);
    if (size < MINUTE) { return says.now; }
    if (size < HOUR) { return Math.floor(size / MINUTE) + says.minutes; }
    if (size < DAY) { return Math.floor(size / HOUR) + says.hours; }
    if (size < 60 * DAY) { return Math.floor(size / DAY) + says.days; }
    return Math.floor(size / (30 * DAY)) + says.months;
  }

  function countdown(seconds) {
    var size = Math.abs(seconds);
    var sign = seconds < 0 ? "−" : "";
    if (size < HOUR) { return sign + Math.max(1, Math.floor(size / MINUTE)) + says.minutes; }
    if (size < DAY) { return sign + Math.floor(size / HOUR) + says.hours + " " + String(Math.floor(size % HOUR / MINUTE)).padStart(2, "0") + says.minutes; }
    return sign + Math.floor(size / DAY) + says.days + " " + Math.floor(size % DAY / HOUR) + says.hours;
  }

  function longSpan(seconds) {
    var size = Math.abs(seconds);
    if (size < 45) { return words.format(0, "second"); }
    if (size < HOUR) { return words.format(Math.round(seconds / MINUTE), "minute"); }
    if (size < DAY) { return words.format(Math.round(seconds / HOUR), "hour"); }
    if (size < 45 * DAY) { return words.format(Math.round(seconds / DAY), "day"); }
    return words.format(Math.round(seconds / (30 * DAY)), "month");
  }

  function refreshTimes() {
    document.querySelectorAll("time[datetime]").forEach(function (node) {
      var at = new Date(node.dateTime);
      if (isNaN(at)) { return; }
      var seconds = (at - Date.now()) / 1000;
      if (node.hasAttribute("data-countdown")) {
        node.textContent = countdown(seconds);
        node.title = (seconds < 0 ? says.wasDue : says.due) + " " + exact.format(at);
      } else if (node.hasAttribute("data-relative")) {
        node.textContent = node.dataset.relative === "short" ? shortSpan(seconds) : longSpan(seconds);
        node.title = exact.format(at);
      } else if (node.hasAttribute("data-local")) {
        node.textContent = soonish.format(at);
        node.title = exact.format(at);
      }
    });
  }

  /* Popovers open on hover and focus; a click opens them too, through popovertarget. */
  var openTimer = 0;

  function popoverOf(node) {
    return document.getElementById(node.getAttribute("popovertarget"));
  }

  function place(button, pop) {
    var box = button.getBoundingClientRect();
    var width = pop.offsetWidth;
    var height = pop.offsetHeight;
    var left = Math.min(Math.max(12, box.left), window.innerWidth - width - 12);
    var below = box.bottom + 6;
    var top = below + height > window.innerHeight - 12 ? Math.max(12, box.top - height - 6) : below;
    pop.style.left = left + "px";
    pop.style.top = top + "px";
  }

  function showFor(button) {
    var pop = popoverOf(button);
    if (pop && pop.showPopover && !pop.matches(":popover-open")) { pop.showPopover(); }
  }

  function hideFor(button) {
    var pop = popoverOf(button);
    if (pop && pop.hidePopover && pop.matches(":popover-open") && !pop.matches(":hover")) { pop.hidePopover(); }
  }

  document.addEventListener("toggle", function (event) {
    var pop = event.target;
    if (!pop.classList || !pop.classList.contains("pop")) { return; }
    var button = document.querySelector('[popovertarget="' + pop.id + '"]');
    if (!button) { return; }
    button.setAttribute("aria-expanded", String(event.newState === "open"));
    if (event.newState === "open") { place(button, pop); }
  }, true);

  function bindPopovers(scope) {
    scope.querySelectorAll("[data-popover]").forEach(function (button) {
      if (button.dataset.bound) { return; }
      button.dataset.bound = "1";
      button.addEventListener("pointerenter", function (event) {
        if (event.pointerType !== "mouse") { return; }
        openTimer = window.setTimeout(function () { showFor(button); }, 120);
      });
      button.addEventListener("pointerleave", function () {
        window.clearTimeout(openTimer);
        window.setTimeout(function () { hideFor(button); }, 150);
      });
      button.addEventListener("focus", function () {
        if (button.matches(":focus-visible")) { showFor(button); }
      });
      button.addEventListener("blur", function () { hideFor(button); });
      var pop = popoverOf(button);
      if (pop) { pop.addEventListener("pointerleave", function () { hideFor(button); }); }
    });
  }

  /* Files: a list of what was chosen, in a drop zone or a composer. */
  function sizeWords(bytes) {
    if (bytes < 1024) { return bytes + " B"; }
    if (bytes < 1048576) { return Math.round(bytes / 1024) + " KB"; }
    return (bytes / 1048576).toFixed(1) + " MB";
  }

  function listFiles(input, list) {
    list.replaceChildren();
    Array.from(input.files).forEach(function (file) {
      var row = document.createElement("div");
      var name = document.createElement("span");
      var meta = document.createElement("span");
      row.className = "file";
      name.className = "file__name";
      meta.className = "file__meta";
      name.textContent = file.name;
      meta.textContent = sizeWords(file.size);
      row.append(name, meta);
      list.append(row);
    });
  }

  function bindFiles(scope) {
    scope.querySelectorAll("[data-drop]").forEach(function (zone) {
      var input = zone.querySelector("input[type=file]");
      var list = zone.parentElement.querySelector("[data-drop-list]");
      ["dragenter", "dragover"].forEach(function (kind) {
        zone.addEventListener(kind, function () { zone.classList.add("is-over"); });
      });
      ["dragleave", "drop"].forEach(function (kind) {
        zone.addEventListener(kind, function () { zone.classList.remove("is-over"); });
      });
      input.addEventListener("change", function () { listFiles(input, list); });
    });
    scope.querySelectorAll("[data-attach]").forEach(function (input) {
      var list = input.form.querySelector("[data-attach-list]");
      input.addEventListener("change", function () { listFiles(input, list); });
    });
  }

  /* Unsent text is not lost by a click beside the form. */
  function guard(scope) {
    scope.querySelectorAll("form[data-guard]").forEach(function (form) {
      form.addEventListener("input", function () { form.dataset.dirty = "1"; });
      form.addEventListener("submit", function () { delete form.dataset.dirty; });
    });
  }

  window.addEventListener("beforeunload", function (event) {
    var dirty = Array.from(document.querySelectorAll("form[data-dirty]")).some(function (form) {
      return Array.from(form.querySelectorAll("textarea")).some(function (area) { return area.value.trim() !== ""; });
    });
    if (dirty) { event.preventDefault(); }
  });

  /* A form that must be sent once says that it is being sent. */
  document.addEventListener("submit", function (event) {
    var form = event.target;
    if (!form.matches("[data-once]")) { return; }
    if (form.dataset.sent) {
      event.preventDefault();
      return;
    }
    form.dataset.sent = "1";
    var button = event.submitter;
    if (button && button.dataset.busyLabel) { button.textContent = button.dataset.busyLabel; }
  });
  window.addEventListener("pageshow", function (event) {
    if (!event.persisted) { return; }
    document.querySelectorAll("form[data-autosubmit] :disabled").forEach(function (field) { field.disabled = false; });
    document.querySelectorAll("[data-sent]").forEach(function (form) { delete form.dataset.sent; });
  });

  /* The composer says to whom it speaks. */
  function namePlaceholder(form) {
    var body = form.querySelector("[data-note-placeholder]");
    if (!body) { return; }
    body.dataset.replyPlaceholder = body.dataset.replyPlaceholder || body.placeholder;
    var note = form.querySelector("[data-kind-note]").checked;
    body.placeholder = note ? body.dataset.notePlaceholder : body.dataset.replyPlaceholder;
  }

  /* Filters, single-choice facts and macros act on change; empty filters stay out of the address. A list
     walked through by keys fires a change with every step: there Enter chooses, and a button appears. */
  var STEPS = ["ArrowDown", "ArrowUp", "ArrowLeft", "ArrowRight", "Home", "End", "PageUp", "PageDown"];

  function actOn(field) {
    if (field.matches("[data-pick]")) {
      field.dispatchEvent(new Event("picked", { bubbles: true }));
    } else if (field.closest("form[data-autosubmit]") || (field.matches(".decision select[name=value]") && field.value)) {
      field.form.requestSubmit();
    }
  }

  document.addEventListener("keydown", function (event) {
    var field = event.target;
    if (!field.matches("select") || event.ctrlKey || event.metaKey || event.altKey) { return; }
    if (event.key === "Enter" && field.dataset.keyed) {
      event.preventDefault();
      event.stopPropagation();
      delete field.dataset.keyed;
      actOn(field);
    } else if (event.key.length === 1 || STEPS.indexOf(event.key) >= 0) {
      field.dataset.keyed = "1";
    }
  }, true);
  document.addEventListener("pointerdown", function (event) {
    if (event.target.matches("select")) { delete event.target.dataset.keyed; }
  });
  document.addEventListener("change", function (event) {
    var field = event.target;
    if (field.matches("[data-kind-reply], [data-kind-note]")) {
      namePlaceholder(field.form);
      return;
    }
    if (!field.dataset.keyed) { actOn(field); }
  });

  /* What had the focus before a part of the page was replaced has it afterwards, or what stands in its place. */
  var CAN_FOCUS = "a[href], button:not(:disabled), select, textarea, input:not([type=hidden])";
  var lost = null;

  function focusable(scope) {
    return Array.from(scope.querySelectorAll(CAN_FOCUS)).filter(function (node) { return node.getClientRects().length > 0; });
  }

  document.addEventListener("htmx:beforeSwap", function (event) {
    var node = document.activeElement;
    lost = node && event.detail.target.contains(node) ? { id: node.id, name: node.name, label: node.getAttribute("aria-label") } : null;
  });
  document.addEventListener("htmx:afterSettle", function (event) {
    var now = document.activeElement;
    var was = lost;
    lost = null;
    if (!was || (now && now !== document.body)) { return; }
    var slot = document.getElementById(event.detail.elt.id) || event.detail.elt;
    var nodes = slot.isConnected ? focusable(slot) : [];
    var same = nodes.find(function (node) {
      return (was.id && node.id === was.id) || (node.name === was.name && node.getAttribute("aria-label") === was.label);
    });
    var next = same || nodes[0] || document.querySelector("[data-composer-body]");
    if (next) { next.focus({ preventScroll: true }); }
  });
  document.addEventListener("submit", function (event) {
    var form = event.target;
    if (form.method !== "get") { return; }
    form.querySelectorAll("select, input").forEach(function (field) {
      if (field.name && field.value === "") { field.disabled = true; }
    });
  });

  /* The draft is a suggestion: taking it fills the composer and leaves the sending to the person. */
  function takeDraft(button) {
    var form = button.form;
    var body = form.querySelector("[data-composer-body]");
    var draft = form.querySelector("[data-draft]");
    var text = form.querySelector("[data-draft-text]").textContent;
    body.value = body.value.trim() ? body.value.trimEnd() + "\n\n" + text : text;
    form.querySelector("[data-draft-field]").value = button.dataset.draftTake;
    form.dataset.dirty = "1";
    draft.querySelector("[data-draft-text]").hidden = true;
    button.hidden = true;
    body.focus();
    body.setSelectionRange(0, 0);
  }

  document.addEventListener("click", function (event) {
    var take = event.target.closest("[data-draft-take]");
    if (take) {
      event.preventDefault();
      takeDraft(take);
      return;
    }
    var dismiss = event.target.closest("[data-dismiss]");
    if (dismiss) {
      dismiss.closest("[data-toast]").remove();
      return;
    }
    var opener = event.target.closest("[data-open-dialog]");
    if (opener) {
      document.getElementById(opener.dataset.openDialog).showModal();
      return;
    }
    var closer = event.target.closest("[data-close-dialog]");
    if (closer) {
      closer.closest("dialog").close();
      return;
    }
    if (event.target.tagName === "DIALOG") {
      event.target.close();
      return;
    }
    var account = event.target.closest("[data-fill-username]");
    if (account) {
      var form = document.querySelector("[data-login]");
      form.querySelector("[name=username]").value = account.dataset.fillUsername;
      form.querySelector("[name=password]").value = account.dataset.fillPassword;
      form.querySelector("button").focus();
      return;
    }
    document.querySelectorAll("details[data-menu][open]").forEach(function (menu) {
      if (!menu.contains(event.target)) { menu.open = false; }
    });
  });

  document.addEventListener("keydown", function (event) {
    if (event.key !== "Escape") { return; }
    document.querySelectorAll("details[data-menu][open]").forEach(function (menu) {
      menu.open = false;
      menu.querySelector("summary").focus();
    });
  });

  /* Facts are folded on a phone and open on a desk. */
  function fold() {
    var narrow = window.matchMedia("(max-width: 860px)");
    document.querySelectorAll("[data-fold]").forEach(function (node) {
      node.open = !narrow.matches;
      node.dataset.ready = "1";
      narrow.addEventListener("change", function () { node.open = !narrow.matches; });
    });
  }

  /* The way down to the composer leaves once the composer is in sight. */
  function watchComposer() {
    var composer = document.getElementById("composer");
    var link = document.querySelector(".jump");
    if (!composer || !link || !window.IntersectionObserver) { return; }
    new IntersectionObserver(function (entries) {
      link.classList.toggle("is-near", entries[0].isIntersecting);
    }).observe(composer);
  }

  /* Good news leaves by itself; bad news stays until it is read. */
  function toasts() {
    document.querySelectorAll(".toast--success, .toast--info").forEach(function (toast) {
      window.setTimeout(function () {
        if (!toast.matches(":hover, :focus-within")) { toast.remove(); }
      }, 6000);
    });
  }

  /* Colleagues see who is writing: the next poll says so, the first word at once. */
  document.addEventListener("input", function (event) {
    var field = document.querySelector("[data-presence]");
    if (!field || !event.target.matches("[data-composer-body]")) { return; }
    var writing = event.target.value.trim() ? "1" : "";
    if (field.value !== writing) {
      field.value = writing;
      if (window.htmx) { window.htmx.trigger(field.form, "presence-changed"); }
    }
  });

  /* A macro's text goes into the message; the person sends it. */
  function takeMacro(scope) {
    var field = scope.querySelector ? scope.querySelector("[data-macro-text]") : null;
    if (!field) { return; }
    var form = field.form;
    var body = form.querySelector("[data-composer-body]");
    var radio = form.querySelector(field.dataset.macroPublic ? "[data-kind-reply]" : "[data-kind-note]");
    if (!radio.checked) {
      radio.checked = true;
      radio.dispatchEvent(new Event("change", { bubbles: true }));
    }
    body.value = body.value.trim() ? body.value.trimEnd() + "\n\n" + field.dataset.macroText : field.dataset.macroText;
    form.dataset.dirty = "1";
    field.removeAttribute("data-macro-text");
    body.focus();
  }

  /* While a macro sets the status, the choice that would keep it says so. */
  function sayThen() {
    var choice = document.querySelector(".composer__then option[value='']");
    var macro = document.querySelector("[data-macro-then]");
    if (!choice) { return; }
    choice.dataset.own = choice.dataset.own || choice.textContent;
    choice.textContent = macro ? macro.dataset.macroThen : choice.dataset.own;
  }

  function bind(scope) {
    takeMacro(scope.parentElement || scope);
    sayThen();
    bindPopovers(scope);
    bindFiles(scope);
    guard(scope);
    refreshTimes();
  }

  bind(document);
  fold();
  toasts();
  watchComposer();
  document.querySelectorAll("[data-scroll-end]").forEach(function (node) { node.scrollTop = node.scrollHeight; });
  window.setInterval(refreshTimes, 30000);
  document.addEventListener("htmx:afterSwap", function (event) { bind(event.detail.elt || document); });
})();
