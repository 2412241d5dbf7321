// A menu at a button, for the keyboard, too.
import { h } from "./dom.js";

let open = null;

export function closeMenu() {
  if (!open) return;
  const { menu, anchor } = open;
  open = null;
  if (menu.contains(document.activeElement)) anchor.focus();
  anchor.setAttribute("aria-expanded", "false");
  menu.remove();
}

/** Show a menu of [label, action] at an element. */
export function showMenu(anchor, items) {
  closeMenu();
  const menu = h("div", { class: "menu", role: "menu" }, items.map(([label, action]) =>
    h("button", { type: "button", role: "menuitem", tabIndex: -1, onclick: () => { closeMenu(); action(); } }, label)));
  menu.addEventListener("keydown", (event) => {
    const all = [...menu.children];
    const at = all.indexOf(document.activeElement);
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: -1 }[event.key];
    if (event.key === "Escape" || event.key === "Tab") closeMenu();
    else if (to !== undefined) all.at(to % all.length).focus();
    else return;
    event.preventDefault();
  });
  document.querySelector("main").append(menu);
  const box = anchor.getBoundingClientRect();
  menu.style.left = `${Math.max(8, Math.min(box.left, innerWidth - menu.offsetWidth - 8))}px`;
  const below = box.bottom + 4 + menu.offsetHeight < innerHeight;
  menu.style.top = `${below ? box.bottom + 4 : Math.max(8, box.top - menu.offsetHeight - 4)}px`;
  open = { menu, anchor };
  anchor.setAttribute("aria-expanded", "true");
  menu.firstElementChild?.focus();
}

addEventListener("pointerdown", (event) => { if (open && !open.menu.contains(event.target)) closeMenu(); });
addEventListener("resize", closeMenu);
