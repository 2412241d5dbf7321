// A first dream without typing: a photograph, a preset, one press.
import { $, h } from "./dom.js";

const SHOWN = 8;

/** Set up the panel; `dream(preset, file)` asks for a dream. */
export function setUpTry({ samples, presets }, dream, complain) {
  const panel = $("try");
  let own = null;

  function photograph({ name, caption }, at) {
    return h("label", { class: "photograph", title: caption },
      h("input", { type: "radio", name: "photograph", value: name, checked: at === 0 }),
      h("img", { src: `/samples/${name}`, alt: caption, width: 72, height: 72 }));
  }

  const ownField = h("input", { type: "file", accept: "image/*", hidden: true });
  const ownChoice = h("label", { class: "photograph", hidden: true }, h("input", { type: "radio", name: "photograph", value: "" }), h("img", { alt: "Your picture", width: 72, height: 72 }));
  ownField.addEventListener("change", () => {
    [own] = ownField.files;
    if (!own) return;
    ownChoice.querySelector("img").src = URL.createObjectURL(own);
    ownChoice.querySelector("input").checked = true;
    ownChoice.hidden = false;
  });

  const chip = ({ name, title, description }, at) => h("label", { class: "chip", title: description },
    h("input", { type: "radio", name: "preset", value: name, checked: at === 0 }), h("span", {}, title));
  const more = h("button", {
    type: "button", class: "chip", onclick: () => { more.replaceWith(...presets.slice(SHOWN).map((preset) => chip(preset, 1))); },
  }, `${presets.length - SHOWN} more…`);

  panel.replaceChildren(
    h("header", {}, h("h2", { id: "try-title" }, "Dream something"),
      h("button", { type: "button", class: "quiet", "aria-label": "Close", onclick: () => toggle(false) }, "✕")),
    h("form", {
      onsubmit: async (event) => {
        event.preventDefault();
        const chosen = new FormData(event.target);
        const name = chosen.get("photograph");
        try {
          const blob = name ? await (await fetch(`/samples/${name}`)).blob() : own;
          dream(chosen.get("preset"), name ? new File([blob], name, { type: "image/jpeg" }) : own);
        } catch (error) { complain(error.message); }
      },
    },
    h("fieldset", {}, h("legend", {}, "A photograph"), h("div", { class: "photographs" }, samples.map(photograph), ownChoice,
      h("button", { type: "button", class: "photograph", onclick: () => ownField.click() }, "+ Yours"), ownField)),
    h("fieldset", {}, h("legend", {}, "What to see in it"), h("div", { class: "chips" },
      presets.slice(0, SHOWN).map(chip), presets.length > SHOWN ? more : null)),
    h("button", { class: "dream" }, "Dream")));

  function toggle(open = panel.hidden) {
    panel.hidden = !open;
    $("open-try").setAttribute("aria-expanded", open);
    if (open && document.activeElement === $("open-try")) panel.querySelector("input:checked").focus();
  }
  $("open-try").addEventListener("click", () => toggle());
  return { toggle, isOpen: () => !panel.hidden };
}
