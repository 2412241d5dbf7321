// Small helpers to build and find elements.

/** An element. Properties named on… are listeners, class and data-… and aria-… attributes, others properties. */
export function h(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name in element && !name.includes("-")) element[name] = value;
    else element.setAttribute(name === "class" ? "class" : name, value === true ? "" : value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

export const $ = (id) => document.getElementById(id);

/** An element with HTML that the server has made, in which nobody's own markup is left. */
export function rich(tag, className, html) {
  const element = h(tag, { class: className });
  element.innerHTML = html;
  return element;
}

/** The plain text of the server's HTML. */
export function plain(html) {
  return rich("div", "", html).textContent;
}

/** A colour for somebody, always the same. */
export function hue(id) {
  return Number(BigInt(id) % 12n) * 30;
}

export function avatar(person) {
  if (person.bot) return h("img", { class: "avatar", src: "/static/icon.svg", alt: "" });
  const element = h("span", { class: "avatar", "aria-hidden": "true" }, person.name[0]);
  element.style.setProperty("--hue", hue(person.id));
  return element;
}

export function bytes(number) {
  return number < 1e6 ? `${Math.max(1, Math.round(number / 1e3))} kB` : `${(number / 1e6).toFixed(1)} MB`;
}
