/** The filters in force, each with a way to take it away: none works unseen. */

import { button, element } from "./dom.js";
import { dayOf, noWishes } from "./filter.js";
import { icon } from "./icons.js";
import { fileName } from "./tile.js";

export class ActiveFilters {
  constructor(root, state) {
    this.root = root;
    this.state = state;
  }

  /** Show what the state wishes. */
  show() {
    const chips = chosen(this.state.wishes).map((one) => this.#chip(one));
    const all = button("Reset", { class: "link", on: { click: () => this.#wish(noWishes()) } });
    this.root.replaceChildren(...chips, ...(chips.length > 1 ? [element("li", {}, all)] : []));
    this.root.hidden = chips.length === 0;
  }

  #chip({ label, title, without }) {
    const remove = button(`Remove the filter ${label}`, { icon: icon("close"), class: "wish-remove", on: { click: () => this.#wish(without) } });
    return element("li", { class: "wish" }, element("span", { class: "wish-name", title: title ?? label }, label), remove);
  }

  #wish(wishes) {
    this.state.change({ wishes: { ...this.state.wishes, ...wishes } });
  }
}

/** Each wish in words, and the wishes without it. */
function chosen(wishes) {
  const { from, to, caption, captioned } = wishes;
  const one = (field) => (value) => ({
    label: field === "folder" ? fileName(value) : value,
    title: `${field}: ${value}`,
    without: { [field]: wishes[field].filter((other) => other !== value) },
  });
  const both = from !== "" && from === to;
  return [
    both && { label: from, without: { from: "", to: "" } },
    !both && from && { label: `from ${dayOf(from, "from")}`, without: { from: "" } },
    !both && to && { label: `until ${dayOf(to, "to")}`, without: { to: "" } },
    ...["folder", "camera", "tag"].flatMap((field) => wishes[field].map(one(field))),
    caption.trim() && { label: `“${caption.trim()}”`, title: `caption: ${caption.trim()}`, without: { caption: "" } },
    captioned && { label: captioned === "yes" ? "with a caption" : "without a caption", without: { captioned: "" } },
  ].filter(Boolean);
}
