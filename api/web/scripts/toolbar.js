/** The line above the pictures: how many there are, filters, and switches. */

import { button, element } from "./dom.js";
import { countWishes } from "./filter.js";
import { icon } from "./icons.js";

const SWITCHES = {
  rerank: ["Rerank", "Look at the best matches a second time, with the slower and sharper model"],
  collapse: ["Hide duplicates", "Show one of each group of nearly equal pictures"],
  good: ["Good matches", "Leave out what matches no better than unrelated words would"],
  scores: ["Scores", "Show how well each picture matches"],
};

export class Toolbar {
  constructor(root, state, toggleFilters) {
    this.state = state;
    this.count = element("span", { class: "filter-count" });
    this.filters = element("button", { type: "button", class: "pill", id: "filters-toggle", "aria-controls": "filters", on: { click: toggleFilters } },
      icon("filters"), "Filters", this.count);
    this.switches = Object.fromEntries(Object.entries(SWITCHES).map(([name, [label, title]]) => [name,
      button(label, { text: label, class: "pill switch", role: "switch", title, "aria-checked": "false",
        on: { click: () => state.change({ [name]: !state[name] }) } })]));
    this.told = element("span", { class: "told" });
    root.replaceChildren(this.filters, ...Object.values(this.switches), this.told);
  }

  show(filtersOpen) {
    const wishes = countWishes(this.state.wishes);
    this.count.textContent = wishes || "";
    this.filters.setAttribute("aria-expanded", String(filtersOpen));
    for (const [name, control] of Object.entries(this.switches)) control.setAttribute("aria-checked", String(this.state[name]));
  }

  tell(words) {
    this.told.textContent = words;
  }
}
