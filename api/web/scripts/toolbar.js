/** The line above the pictures: how many there are, filters, and switches. */

import { lacking } from "./commands.js";
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
  /** `notes` take what is to be said of a switch that cannot be used. */
  constructor(root, state, notes, toggleFilters) {
    this.state = state;
    this.notes = notes;
    this.absent = "";
    this.count = element("span", { class: "filter-count" });
    this.filters = element("button", { type: "button", class: "pill", id: "filters-toggle", "aria-controls": "filters", on: { click: toggleFilters } },
      icon("filters"), "Filters", this.count);
    this.switches = Object.fromEntries(Object.entries(SWITCHES).map(([name, [label, title]]) => [name,
      button(label, { text: label, class: "pill switch", role: "switch", title, "aria-checked": "false",
        on: { click: () => this.#turn(name) } })]));
    this.told = element("span", { class: "told" });
    root.replaceChildren(this.filters, ...Object.values(this.switches), this.told);
  }

  /** Offer no more than the models here can do; a switch that is on can always be turned off. */
  allow({ abilities }) {
    const { here = true, model, command } = abilities?.rerank ?? {};
    this.absent = here ? "" : lacking("Reranking needs", model, command);
    this.switches.rerank.setAttribute("aria-disabled", String(!here));
    this.switches.rerank.title = here ? SWITCHES.rerank[1] : this.absent.replaceAll("`", "");
  }

  #turn(name) {
    const refused = name === "rerank" && this.absent && !this.state.rerank;
    this.notes.show("switch", refused ? [this.absent] : []);
    if (!refused) this.state.change({ [name]: !this.state[name] });
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
