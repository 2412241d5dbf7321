// Slash commands: choosing one, and filling in its options.
import { $, h } from "./dom.js";
import { act } from "./server.js";
import { suggestions } from "./suggestions.js";

const OPTION = { STRING: 3, INTEGER: 4, BOOLEAN: 5, USER: 6, CHANNEL: 7, ROLE: 8, NUMBER: 10, FILE: 11 };
const ENTITIES = { [OPTION.USER]: "users", [OPTION.CHANNEL]: "channels", [OPTION.ROLE]: "roles" };

/** The commands whose name or description has what was typed after the slash. */
export function matching(commands, typed) {
  const words = typed.slice(1).toLowerCase().trim();
  const rank = ({ name, description }) => (name.startsWith(words) ? 0 : name.includes(words) ? 1 : description.toLowerCase().includes(words) ? 2 : 3);
  return commands.slash.filter((command) => rank(command) < 3).sort((a, b) => rank(a) - rank(b))
    .map((command) => ({ value: command, label: `/${command.name}`, hint: command.description }));
}

function field(option, command, place, entities) {
  const id = `option-${option.name}`;
  const common = { id, required: option.required, "aria-describedby": `${id}-hint` };
  if (option.type === OPTION.FILE) return h("input", { ...common, type: "file", accept: "image/*,video/*" });
  const offered = option.type in ENTITIES
    ? entities[ENTITIES[option.type]].map(({ id: value, name }) => ({ value, name }))
    : option.type === OPTION.BOOLEAN ? [{ value: "true", name: "Yes" }, { value: "false", name: "No" }]
      : option.choices?.length ? option.choices.map(({ name, value }) => ({ name, value: String(value) })) : null;
  if (offered) {
    return h("select", common, h("option", { value: "" }, ""), offered.map(({ name, value }) => h("option", { value }, name)));
  }
  const isNumber = option.type === OPTION.INTEGER || option.type === OPTION.NUMBER;
  const element = h("input", {
    ...common, type: isNumber ? "number" : "text", step: option.type === OPTION.NUMBER ? "any" : undefined,
    min: option.min_value, max: option.max_value, minLength: option.min_length, maxLength: option.max_length, autocomplete: "off",
  });
  if (!option.autocomplete) return element;
  const list = h("ul", { id: `${id}-list`, class: "suggestions", role: "listbox", "aria-label": option.name, hidden: true });
  element.setAttribute("role", "combobox");
  element.setAttribute("aria-controls", list.id);
  element.setAttribute("aria-expanded", "false");
  const shown = suggestions(element, list, (item) => { element.value = item.value; });
  let asked = 0;
  async function offer() {
    const mine = ++asked;
    try {
      const { choices } = await act({ do: "complete", ...place(), name: command.name, option: option.name, value: element.value });
      if (mine === asked && document.activeElement === element) {
        shown.show(choices.filter(({ value }) => String(value) !== element.value).map(({ name, value }) => ({ value: String(value), label: name })));
      }
    } catch { shown.hide(); }
  }
  let waiting;
  element.addEventListener("input", () => { shown.hide(); clearTimeout(waiting); waiting = setTimeout(offer, 120); });
  element.addEventListener("focus", offer);
  return h("span", { class: "completed" }, element, list);
}

/** Show the fields of a command; `run` is called with its options and files. Returns how to send and to close it. */
export function openCommand(command, place, entities, close) {
  const box = $("command");
  const fields = command.options.map((option) => [option, field(option, command, place, entities)]);
  box.replaceChildren(
    h("header", {}, h("b", {}, `/${command.name}`), h("span", {}, command.description),
      h("button", { type: "button", class: "quiet", "aria-label": "Leave the command", onclick: close }, "✕")),
    ...fields.map(([option, element]) => h("label", { for: `option-${option.name}` },
      h("b", {}, option.name, option.required ? " *" : ""), element, h("small", { id: `option-${option.name}-hint` }, option.description))));
  box.hidden = false;
  const input = (option) => $(`option-${option.name}`);
  const first = fields.find(([option]) => option.type !== OPTION.FILE) ?? fields[0];
  (first ? input(first[0]) : $("send")).focus();
  return {
    /** Whether a picture went into a field that takes one. */
    takeFiles(files) {
      const option = command.options.find(({ type }) => type === OPTION.FILE);
      if (!option) return false;
      const transfer = new DataTransfer();
      transfer.items.add(files[0]);
      input(option).files = transfer.files;
      return true;
    },
    read() {
      const options = {}, files = {};
      for (const [option] of fields) {
        const element = input(option);
        if (!element.reportValidity()) return null;
        if (option.type === OPTION.FILE) { if (element.files.length) files[option.name] = [element.files[0]]; }
        else if (element.value !== "") options[option.name] = [option.type, option.type === OPTION.BOOLEAN ? element.value === "true" : element.value];
      }
      return { action: { do: "command", name: command.name, options }, files };
    },
  };
}
