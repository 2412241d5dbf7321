// A list of suggestions at a text field: arrows choose, Enter or Tab takes, Escape closes.
import { h } from "./dom.js";

/** Attach a list to a field. Returns { show(items), hide(), isOpen() }; an item is { value, label, hint }. */
export function suggestions(field, list, take) {
  let items = [], chosen = 0;

  /** Tell that the list is there, where the field may: a field of several lines is no combobox. */
  function expand(isOpen) {
    if (field.role === "combobox") field.setAttribute("aria-expanded", isOpen);
  }

  function choose(number) {
    chosen = (number + items.length) % items.length;
    [...list.children].forEach((element, at) => element.setAttribute("aria-selected", at === chosen));
    const element = list.children[chosen];
    element.scrollIntoView({ block: "nearest" });
    field.setAttribute("aria-activedescendant", element.id);
  }

  function hide() {
    items = [];
    list.hidden = true;
    expand(false);
    field.removeAttribute("aria-activedescendant");
  }

  function show(found) {
    items = found;
    if (!items.length) return hide();
    list.replaceChildren(...items.map((item, at) => h("li", {
      id: `${list.id}-${at}`, role: "option",
      onpointerdown: (event) => { event.preventDefault(); hide(); take(item); },
    }, h("b", {}, item.label), item.hint ? h("small", {}, item.hint) : null)));
    list.hidden = false;
    expand(true);
    choose(0);
  }

  field.addEventListener("keydown", (event) => {
    if (!items.length) return;
    if (event.key === "ArrowDown") choose(chosen + 1);
    else if (event.key === "ArrowUp") choose(chosen - 1);
    else if (event.key === "Escape") hide();
    else if ((event.key === "Enter" && !event.shiftKey) || event.key === "Tab") {
      const item = items[chosen];
      hide();
      take(item);
    } else return;
    event.preventDefault();
    event.stopImmediatePropagation();
  });
  field.addEventListener("blur", hide);
  return { show, hide, isOpen: () => items.length > 0 };
}
