// Controls that take a value, in messages and in forms. Types are those of Discord's components that the bot sends.
import { bytes, h } from "./dom.js";

export const TYPE = { ROW: 1, BUTTON: 2, SELECT: 3, USERS: 5, ROLES: 6, CHANNELS: 8, UPLOAD: 19 };
const ENTITIES = { [TYPE.USERS]: "users", [TYPE.ROLES]: "roles", [TYPE.CHANNELS]: "channels" };
export const isSelect = (type) => type === TYPE.SELECT || type in ENTITIES;

function optionsOf(part, entities) {
  if (!(part.type in ENTITIES)) return part.options ?? [];
  const preset = new Set((part.default_values ?? []).map((value) => String(value.id)));
  return entities[ENTITIES[part.type]].map(({ id, name }) => ({ value: id, label: name, default: preset.has(id) }));
}

function labelled(option) {
  const emoji = option.emoji?.name && !option.emoji.id ? `${option.emoji.name} ` : "";
  return emoji + option.label;
}

/** A select menu; onchange, if given, is called with the values chosen. Returns { element, read() }. */
export function select(part, entities, name, onchange) {
  const options = optionsOf(part, entities);
  const most = part.max_values ?? 1, least = part.min_values ?? 1;
  if (most > 1) return checks({ ...part, options }, name, onchange);
  const isSet = options.some((option) => option.default);
  const element = h("select", { "aria-label": name, disabled: part.disabled },
    h("option", { value: "", disabled: least > 0, selected: !isSet }, part.placeholder || "Choose…"),
    options.map((option) => h("option", { value: option.value, selected: option.default, title: option.description },
      option.description ? `${labelled(option)} · ${option.description}` : labelled(option))));
  const read = () => (element.value ? [element.value] : []);
  if (onchange) element.addEventListener("change", () => onchange(read()));
  return { element, read };
}

function checks(part, name, onchange) {
  const boxes = part.options.map((option) => h("input", { type: "checkbox", value: option.value, checked: option.default }));
  const read = () => boxes.filter((box) => box.checked).map((box) => box.value);
  const summary = h("summary", { "aria-label": name });
  const most = part.max_values ?? part.options.length;
  const tell = () => {
    const chosen = part.options.filter((_, at) => boxes[at].checked).map(labelled);
    summary.textContent = chosen.join(", ") || part.placeholder || "Choose…";
    for (const box of boxes) box.disabled = part.disabled || (!box.checked && chosen.length >= most);
  };
  const element = h("details", { class: "checks" }, summary,
    part.options.map((option, at) => h("label", {}, boxes[at], labelled(option),
      option.description ? h("small", {}, option.description) : null)),
    onchange ? h("button", { type: "button", onclick: () => onchange(read()) }, "Choose") : null);
  element.addEventListener("change", tell);
  tell();
  return { element, read };
}

function input(part) {
  const long = part.style === 2;
  const element = h(long ? "textarea" : "input", {
    value: part.value ?? "", placeholder: part.placeholder ?? "", required: part.required ?? true,
    minLength: part.min_length, maxLength: part.max_length, rows: long ? 5 : undefined,
  });
  return { element, read: () => element.value };
}

function upload(part) {
  const most = part.max_values ?? 1;
  const field = h("input", { type: "file", multiple: most > 1, required: part.required ?? true });
  const told = h("small", {}, most > 1 ? `Up to ${most} files, or drop them here.` : "Choose a file, or drop it here.");
  const element = h("div", { class: "upload" }, field, told);
  const tell = () => { told.textContent = [...field.files].map((file) => `${file.name} (${bytes(file.size)})`).join(", "); };
  field.addEventListener("change", tell);
  element.addEventListener("dragover", (event) => event.preventDefault());
  element.addEventListener("drop", (event) => {
    event.preventDefault();
    event.stopPropagation();
    field.files = event.dataTransfer.files;
    tell();
  });
  return { element, read: () => [...field.files], isFiles: true };
}

/** The control of a form for a component. */
export function control(part, entities, name) {
  if (isSelect(part.type)) return select(part, entities, name);
  return part.type === TYPE.UPLOAD ? upload(part) : input(part);
}
