// A form that the bot opened (a modal).
import { TYPE, control } from "./controls.js";
import { $, h, rich } from "./dom.js";
import { act } from "./server.js";

/** Show a form; `sent` is called with what came back once it was taken. */
export function showForm({ form, modal }, place, entities, sent) {
  const dialog = $("form");
  const controls = [];

  function build(part) {
    if (part.type === TYPE.TEXT) return rich("div", "text", part.html);
    if (part.type === TYPE.ROW) return part.components.map(build);
    const inner = part.type === TYPE.LABEL ? part.component : part;
    const name = part.label ?? inner.label ?? "";
    const made = control(inner, entities, name);
    if (!made) return null;
    controls.push([inner, made]);
    return h("label", {}, h("b", {}, name), part.description ? h("small", {}, part.description) : null, made.element);
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
  h("h2", { id: "form-title" }, modal.title), modal.components.map(build).flat(), error,
  h("div", { class: "buttons" }, h("button", { type: "button", class: "quiet", onclick: () => dialog.close() }, "Cancel"), send));
  dialog.setAttribute("aria-labelledby", "form-title");
  dialog.replaceChildren(body);
  dialog.showModal();
}
