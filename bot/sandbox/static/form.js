// A form that the bot opened (a modal).
import { control } from "./controls.js";
import { $, h } from "./dom.js";
import { act } from "./server.js";

/** Show a form; `sent` is called with what came back once it was taken. */
export function showForm({ form, modal }, place, entities, sent) {
  const dialog = $("form");
  const controls = [];

  function build(part) {
    const made = control(part.component, entities, part.label);
    controls.push([part.component, made]);
    // A label around several boxes would name the first of them alone.
    const [tag, name] = made.element.localName === "details" ? ["div", { role: "group", "aria-label": part.label }] : ["label", {}];
    return h(tag, { class: "field", ...name }, h("b", {}, part.label), part.description ? h("small", {}, part.description) : null, made.element);
  }

  const error = h("p", { class: "error", role: "alert", hidden: true });
  const send = h("button", {}, "Submit");
  const body = h("form", {
    method: "dialog",
    onsubmit: async (event) => {
      event.preventDefault();
      const values = {}, files = {};
      for (const [part, made] of controls) {
        const value = made.read();
        if (made.isFiles) { if (value.length) files[part.custom_id] = value; }
        else values[part.custom_id] = [part.type, value];
      }
      send.disabled = true;
      try {
        const answer = await act({ do: "submit", ...place, form, values }, files);
        dialog.close();
        sent(answer);
      } catch (problem) {
        error.textContent = problem.message;
        error.hidden = false;
        send.disabled = false;
      }
    },
  },
  h("h2", { id: "form-title" }, modal.title), modal.components.map(build), error,
  h("div", { class: "buttons" }, h("button", { type: "button", class: "quiet", onclick: () => dialog.close() }, "Cancel"), send));
  dialog.setAttribute("aria-labelledby", "form-title");
  dialog.replaceChildren(body);
  dialog.showModal();
}
