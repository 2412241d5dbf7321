// The components of a message: buttons and selects, and the parts of a layout (Components V2).
import { TYPE, isSelect, select } from "./controls.js";
import { $, bytes, h, rich } from "./dom.js";

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
    case TYPE.TEXT: return rich("div", "text", part.html);
    case TYPE.SECTION:
      return h("div", { class: "section" }, h("div", {}, inner()), component(part.accessory, entities, use));
    case TYPE.THUMBNAIL: {
      const element = media(part.media.url, part.media.type, part.description);
      return h("div", { class: "thumbnail" }, part.spoiler ? spoiler(element, part.description ?? "it") : element);
    }
    case TYPE.GALLERY:
      return h("div", { class: "gallery", "data-count": part.items.length }, part.items.map((item) => {
        const element = media(item.media.url, item.media.type || typeOf(item.media.url), item.description);
        return item.spoiler ? spoiler(element, item.description ?? "it") : element;
      }));
    case TYPE.FILE: return h("a", { class: "file", href: part.file.url, download: "" }, `📄 ${part.file.url.split("/").at(-1)}`);
    case TYPE.SEPARATOR: return h("hr", { class: part.divider === false ? "space" : "" });
    case TYPE.CONTAINER: {
      const element = h("div", { class: "container" }, inner());
      if (part.accent_color) element.style.setProperty("--accent", `#${part.accent_color.toString(16).padStart(6, "0")}`);
      return part.spoiler ? spoiler(element, "it") : element;
    }
    default: return h("span", { class: "file" }, `A component of a kind that the sandbox does not know (${part.type})`);
  }
}

function typeOf(url) {
  return /\.(mp4|webm|mov)$/i.test(url ?? "") ? "video/mp4" : "image/png";
}
