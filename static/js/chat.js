/* The chat: sends the form with fetch and shows the answer as it is streamed. Without this file the form
   posts and the page loads again. Nothing is inserted as HTML but what the server rendered and escaped. */
(function () {
  "use strict";
  var says = document.getElementById("script-words").dataset;

  var chat = document.querySelector("[data-chat]");
  if (!chat || !window.fetch || !window.ReadableStream) { return; }
  var form = chat.querySelector("[data-chat-form]");
  var log = chat.querySelector("[data-chat-log]");
  var input = chat.querySelector("[data-chat-input]");
  var send = chat.querySelector("[data-chat-send]");
  var status = chat.querySelector("[data-chat-status]");
  var problem = chat.querySelector("[data-chat-problem]");
  var busy = false;

  function element(name, className, text) {
    var node = document.createElement(name);
    if (className) { node.className = className; }
    if (text) { node.textContent = text; }
    return node;
  }

  function toEnd() { log.scrollTop = log.scrollHeight; }

  function entry(kind, author) {
    var row = element("article", "msg " + kind);
    var box = element("div");
    var head = element("header", "msg__head");
    var bubble = element("div", "msg__bubble");
    var words = element("div", "prose prose--pre");
    head.append(element("span", "msg__author", author));
    bubble.append(words);
    box.append(head, bubble);
    var face = chat.querySelector(kind === "msg--requester" ? "[data-chat-user]" : "[data-chat-assistant]");
    row.append(face.content.cloneNode(true), box);
    log.append(row);
    toEnd();
    return { row: row, words: words, bubble: bubble };
  }

  function complain(text) {
    problem.textContent = text;
    problem.hidden = !text;
  }

  function wait(on) {
    busy = on;
    send.disabled = on;
    log.setAttribute("aria-busy", String(on));
    if (!on) { status.textContent = ""; }
  }

  /* One answer at a time: events are separated by an empty line. */
  function parser(handlers) {
    var rest = "";
    return function (text) {
      rest += text;
      var blocks = rest.split("\n\n");
      rest = blocks.pop();
      blocks.forEach(function (block) {
        var name = "";
        var data = "";
        block.split("\n").forEach(function (line) {
          if (line.indexOf("event: ") === 0) { name = line.slice(7); }
          if (line.indexOf("data: ") === 0) { data += line.slice(6); }
        });
        if (handlers[name]) { handlers[name](JSON.parse(data)); }
      });
    };
  }

  async function read(response, handlers) {
    var reader = response.body.getReader();
    var decoder = new TextDecoder();
    var feed = parser(handlers);
    for (;;) {
      var part = await reader.read();
      if (part.done) { return; }
      feed(decoder.decode(part.value, { stream: true }));
    }
  }

  /* The first question makes the conversation: the next ones go there, and it can be found again. */
  function adopt(data) {
    if (new URL(form.action).pathname === data.url) { return; }
    form.action = data.url;
    window.history.replaceState(null, "", data.url);
    var fresh = document.querySelector("[data-chat-new]");
    var item = document.querySelector("[data-chat-history]");
    var none = document.querySelector("[data-chat-none]");
    if (fresh) { fresh.hidden = false; }
    if (none) { none.remove(); }
    if (!item) { return; }
    var link = item.content.cloneNode(true);
    link.querySelector("a").href = data.url;
    link.querySelector("[data-name]").textContent = data.title;
    item.after(link);
  }

  function finish(answer, html) {
    var template = document.createElement("template");
    template.innerHTML = html;
    answer.row.replaceWith(template.content);
    document.dispatchEvent(new CustomEvent("htmx:afterSwap", { detail: { elt: log } }));
    toEnd();
  }

  async function ask(text) {
    var data = new FormData(form);
    data.set("message", text);
    var files = Array.from(form.querySelector("[data-attach]").files).map(function (file) { return file.name; });
    if (!text.trim() && !files.length) { input.focus(); return; }
    var empty = log.querySelector("[data-chat-empty]");
    complain("");
    wait(true);
    status.textContent = files.length ? says.reading : says.sending;
    var question = entry("msg--requester", says.you);
    question.words.textContent = text || says.look;
    files.forEach(function (name) { question.bubble.append(element("span", "file", name)); });
    var answer = null;
    var ended = false;
    try {
      var response = await fetch(form.action, { method: "POST", body: data, headers: { Accept: "text/event-stream" }, credentials: "same-origin" });
      if (!response.ok || (response.headers.get("Content-Type") || "").indexOf("text/event-stream") !== 0) {
        var refused = await response.json().catch(function () { return null; });
        throw new Error(refused && refused.error ? refused.error.message : says.notSent);
      }
      if (empty) { empty.remove(); }
      input.value = "";
      form.querySelector("[data-attach]").value = "";
      form.querySelector("[data-attach-list]").replaceChildren();
      await read(response, {
        convo: adopt,
        status: function (event) { status.textContent = event.text; },
        delta: function (event) {
          if (!answer) { answer = entry("msg--assistant", says.assistant); }
          answer.words.textContent += event.text;
          toEnd();
        },
        done: function (event) {
          ended = true;
          finish(answer || entry("msg--assistant", says.assistant), event.html);
        },
        error: function (event) {
          ended = true;
          if (answer) { answer.row.remove(); }
          complain(event.error.message);
        }
      });
      if (!ended) { throw new Error(says.lost); }
    } catch (error) {
      if (!ended && !answer && input.value !== "") { question.row.remove(); }
      complain(error instanceof TypeError ? says.unreachable : error.message);
      if (error instanceof TypeError) { question.row.remove(); }
    }
    wait(false);
    input.focus();
  }

  form.addEventListener("submit", function (event) {
    event.preventDefault();
    if (busy) { return; }
    var example = event.submitter && event.submitter.hasAttribute("data-chat-example");
    ask(example ? event.submitter.value : input.value);
  });

  input.addEventListener("keydown", function (event) {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) { return; }
    event.preventDefault();
    form.requestSubmit(send);
  });
})();
