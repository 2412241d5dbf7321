// The clock, and what can go wrong, at a press.
import { $, h } from "./dom.js";
import { post } from "./server.js";

const FAULTS = [
  ["outage", "Discord fails", "It answers everything with an error 500 for a minute."],
  ["message", "Message deleted", "A moderator deletes the bot’s newest message in #dreams."],
  ["permission", "Permission taken", "The bot may not write in #dreams for a minute."],
  ["worker", "Worker killed", "The process that dreams is killed."],
  ["bot", "Bot killed", "The bot is killed and started again; what it was doing goes on."],
];

/** Set up the dialog; returns what shows how things stand. */
export function setUpTrouble(complain) {
  const dialog = $("trouble");
  const states = {};
  const clock = h("p", { class: "big" });

  function act(path, body) {
    return async (event) => {
      const { currentTarget: button } = event;
      button.disabled = true;
      try { await post(path, body); } catch (error) { complain(error.message); dialog.close(); }
      button.disabled = false;
    };
  }

  dialog.replaceChildren(
    h("header", {}, h("h2", { id: "trouble-title" }, "Time and trouble"),
      h("button", { class: "quiet", "aria-label": "Close", onclick: () => dialog.close() }, "✕")),
    h("h3", {}, "The sandbox’s time"), clock,
    h("div", { class: "buttons" },
      h("button", { onclick: act("/clock", {}) }, "Tomorrow 09:00: the daily dream"),
      h("button", { class: "quiet", onclick: act("/clock", { hours: 1 }) }, "An hour later"),
      h("button", { class: "quiet", onclick: act("/clock", { hours: 24 }) }, "A day later")),
    h("h3", {}, "What can go wrong"),
    h("ul", { class: "faults" }, FAULTS.map(([name, title, meaning]) => h("li", {},
      h("button", { class: "danger", onclick: act("/fault", { fault: name }) }, title),
      h("span", {}, meaning, " ", states[name] = h("em", { hidden: true }, "Now!"))))));
  dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
  $("open-trouble").addEventListener("click", () => dialog.showModal());

  return function show({ faults }, time) {
    clock.textContent = time;
    for (const [name, element] of Object.entries(states)) element.hidden = !faults.includes(name);
    $("open-trouble").classList.toggle("on", faults.length > 0);
  };
}
