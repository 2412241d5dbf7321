// What stands in a message besides its text: pictures, clips and files, buttons and selects.
import { TYPE, isSelect, select } from "./controls.js";
import { $, bytes, h } from "./dom.js";

const STYLES = { 1: "primary", 2: "secondary", 3: "success", 4: "danger", 5: "link" };

/** Cover an element until it is pressed. */
export function spoiler(element, label) {
  const cover = h("button", { type: "button", class: "cover", "aria-label": `Spoiler: press to show ${label}` }, "SPOILER");
  const box = h("div", { class: "spoilered" }, element, cover);
  cover.addEventListener("click", () => { box.classList.add("shown"); cover.remove(); });
  return box;
}

export function picture(url, alt) {
  return h("button", { type: "button", class: "picture", "aria-label": `Enlarge: ${alt || "picture"}`, onclick: () => enlarge(url, alt) },
    h("img", { src: url, alt: alt ?? "", decoding: "async" }));
}

function enlarge(url, alt) {
  const dialog = $("viewer");
  dialog.replaceChildren(
    h("img", { src: url, alt: alt ?? "" }),
    h("p", {}, alt ?? "", " ", h("a", { href: url, download: "" }, "Save")),
    h("button", { type: "button", class: "quiet", "aria-label": "Close", onclick: () => dialog.close() }, "✕"));
  dialog.onclick = (event) => { if (event.target === dialog) dialog.close(); };
  dialog.showModal();
}

export function media(url, type, alt) {
  if (!url) return h("span", { class: "file" }, "A picture from elsewhere, which the sandbox does not load");
  if (type.startsWith("video/")) {
    return h("video", { src: url, controls: true, loop: true, muted: true, autoplay: true, playsInline: true, "aria-label": alt || "Video" });
  }
  return picture(url, alt);
}

/** A file of a message: a picture, a video, or something to save. */
export function attachment(file) {
  let element;
  if (file.type.startsWith("image/") || file.type.startsWith("video/")) element = media(file.url, file.type, file.alt || file.name);
  else element = h("a", { class: "file", href: file.url, download: file.name }, `📄 ${file.name} (${bytes(file.bytes)})`);
  return file.spoiler ? spoiler(element, file.alt || file.name) : element;
}

function button(part, use) {
  const emoji = part.emoji?.name && !part.emoji.id ? part.emoji.name : "";
  const words = [emoji, part.label].filter(Boolean).join(" ");
  const label = part.label ? undefined : (part.custom_id ?? "").split(":")[0] || emoji;
  if (part.url) return h("a", { class: "button link", href: part.url, target: "_blank", rel: "noreferrer" }, `${words} ↗`);
  const element = h("button", {
    type: "button", class: `button ${STYLES[part.style] ?? "secondary"}`, disabled: part.disabled,
    "aria-label": label, title: label, "data-key": part.custom_id,
    onclick: async () => {
      element.setAttribute("aria-busy", "true");
      await use({ do: "press", component: part.custom_id });
      element.removeAttribute("aria-busy");
    },
  }, words);
  return element;
}

/** Draw a component; `use` does with it what the person wants. */
export function component(part, entities, use) {
  const inner = () => (part.components ?? []).map((child) => component(child, entities, use));
  if (isSelect(part.type)) {
    const chosen = (values) => use({ do: "select", component: part.custom_id, type: part.type, values });
    const { element } = select(part, entities, part.placeholder || "Choose", chosen);
    element.dataset.key = part.custom_id;
    return element;
  }
  switch (part.type) {
    case TYPE.ROW: return h("div", { class: "row" }, inner());
    case TYPE.BUTTON: return button(part, use);
    default: return h("span", { class: "file" }, `A component of a kind that the sandbox does not know (${part.type})`);
  }
}
