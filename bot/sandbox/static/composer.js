// The field at the bottom: text, pictures, replies and slash commands.
import { matching, openCommand } from "./commands.js";
import { $, bytes, h, plain } from "./dom.js";
import { suggestions } from "./suggestions.js";

/** Set up the composer. `place()` says who is where, `commands()` what they may use, `send(action, files)` does it. */
export function setUpComposer({ place, commands, send, complain }) {
  const text = $("text");
  let files = [], replyTo = null, command = null;
  const picker = suggestions(text, $("suggestions"), (item) => choose(item.value));

  function choose(chosen) {
    text.value = "";
    text.hidden = true;
    $("attach").hidden = true;
    command = openCommand(chosen, place, commands().entities, leave);
    if (files.length && command.takeFiles(files)) setFiles([]);
  }

  function leave() {
    command = null;
    $("command").hidden = true;
    text.hidden = false;
    $("attach").hidden = false;
    text.focus();
  }

  function setFiles(list) {
    files = list;
    $("attached").hidden = !files.length;
    $("attached").replaceChildren(...files.map((file) => {
      const url = file.type.startsWith("image/") ? URL.createObjectURL(file) : null;
      return h("li", {},
        url ? h("img", { src: url, alt: "", onload: () => URL.revokeObjectURL(url) }) : null,
        h("span", {}, `${file.name} (${bytes(file.size)})`),
        h("button", { type: "button", class: "quiet", "aria-label": `Take ${file.name} away`, onclick: () => setFiles(files.filter((other) => other !== file)) }, "✕"));
    }));
  }

  function attach(list) {
    const added = [...list];
    if (!added.length) return;
    if (command) {
      if (!command.takeFiles(added)) complain("This command takes no picture.");
      return;
    }
    if (files.length + added.length > 10) complain("Discord takes ten files in a message at most.");
    setFiles([...files, ...added].slice(0, 10));
    text.focus();
  }

  function reply(message) {
    replyTo = message;
    $("replying").hidden = !message;
    if (message) {
      $("replying").replaceChildren(
        h("span", {}, "Replying to ", h("b", {}, message.author.name), ` ${plain(message.html).slice(0, 60)}`),
        h("button", { type: "button", class: "quiet", "aria-label": "Do not reply", onclick: () => reply(null) }, "✕"));
      text.focus();
    }
  }

  function grow() {
    text.style.height = "auto";
    text.style.height = `${Math.min(text.scrollHeight, 200)}px`;
  }

  $("composer").addEventListener("submit", (event) => {
    event.preventDefault();
    if (command) {
      const filled = command.read();
      if (!filled) return;
      leave();
      send(filled.action, filled.files);
      return;
    }
    const said = text.value.trim();
    if (!said && !files.length) return;
    send({ do: "send", text: said, reply_to: replyTo?.id ?? null }, { file: files });
    text.value = "";
    setFiles([]);
    reply(null);
    picker.hide();
    grow();
  });
  text.addEventListener("input", () => {
    grow();
    if (text.value.startsWith("/") && !text.value.includes("\n")) picker.show(matching(commands(), text.value).slice(0, 12));
    else picker.hide();
  });
  text.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
      event.preventDefault();
      $("composer").requestSubmit();
    } else if (event.key === "Escape" && replyTo) reply(null);
  });
  $("command").addEventListener("keydown", (event) => {
    if (event.key === "Escape") leave();
    else if (event.key === "Enter") { event.preventDefault(); $("composer").requestSubmit(); }
  });
  $("attach").addEventListener("click", () => $("files").click());
  $("files").addEventListener("change", () => { attach($("files").files); $("files").value = ""; });
  text.addEventListener("paste", (event) => {
    if (event.clipboardData.files.length) { event.preventDefault(); attach(event.clipboardData.files); }
  });
  addEventListener("dragover", (event) => {
    if (!event.dataTransfer.types.includes("Files")) return;
    event.preventDefault();
    $("drop").hidden = false;
  });
  addEventListener("dragleave", (event) => { if (!event.relatedTarget) $("drop").hidden = true; });
  addEventListener("drop", (event) => {
    $("drop").hidden = true;
    if (!event.dataTransfer.files.length) return;
    event.preventDefault();
    attach(event.dataTransfer.files);
  });
  return { reply, attach, leave: () => { if (command) leave(); reply(null); } };
}
