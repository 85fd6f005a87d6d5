/** The line above the pictures: how many there are, filters, and switches. */

import { lacking } from "./commands.js";
import { button, element } from "./dom.js";
import { countWishes } from "./filter.js";
import { icon } from "./icons.js";
import { t } from "./language.js";

const SWITCHES = {
  rerank: [t("Rerank"), t("Look at the best matches a second time, with the slower and sharper model")],
  regions: [t("Parts"), t("Look into parts of the pictures, too: for small things")],
  collapse: [t("Hide duplicates"), t("Show one of each group of nearly equal pictures")],
  group: [t("Stacks"), t("Show one of each stack: RAW and JPEG, live photos, edits, bursts")],
  good: [t("Good matches"), t("Leave out what matches no better than unrelated words would")],
  dated: [t("By date"), t("The good matches, the latest first")],
  scores: [t("Scores"), t("Show how well each picture matches")],
};

export class Toolbar {
  /** `notes` take what is to be said of a switch that cannot be used; `share()` makes a link to what is looked for. */
  constructor(root, state, notes, toggleFilters, share) {
    this.state = state;
    this.notes = notes;
    this.absent = {}; // what a switch lacks, by its name
    this.count = element("span", { class: "filter-count" });
    this.filters = element("button", { type: "button", class: "pill", id: "filters-toggle", "aria-controls": "filters", on: { click: toggleFilters } },
      icon("filters"), t("Filters"), this.count);
    this.switches = Object.fromEntries(Object.entries(SWITCHES).map(([name, [label, title]]) => [name,
      button(label, { text: label, class: "pill switch", role: "switch", title, "aria-checked": "false",
        on: { click: () => this.#turn(name) } })]));
    this.told = element("span", { class: "told" });
    this.share = button(t("Share…"), { text: t("Share…"), class: "pill withheld", on: { click: share } });
    root.replaceChildren(this.filters, ...Object.values(this.switches), this.share, this.told);
  }

  /** What the visitor may do. */
  permit({ admin }) {
    this.shares = admin;
    this.#showShare();
  }

  /** Offer no more than the models here can do; a switch that is on can always be turned off. */
  allow({ abilities }) {
    this.#allow("rerank", abilities?.rerank, (model) => t("Reranking needs the model {model}, which is not on the service's machine", { model }));
    this.#allow("regions", abilities?.regions, () => t("No parts of pictures are embedded yet"));
  }

  #allow(name, { here = true, model, command } = {}, lack) {
    this.absent[name] = here ? "" : lacking(lack(model), command);
    this.switches[name].setAttribute("aria-disabled", String(!here));
    this.switches[name].title = here ? SWITCHES[name][1] : this.absent[name].replaceAll("`", "");
  }

  #turn(name) {
    const refused = this.absent[name] && !this.state[name];
    this.notes.show("switch", refused ? [this.absent[name]] : []);
    const on = name === "group" && !this.state.group ? "stack" : !this.state[name];
    if (!refused) this.state.change({ [name]: name === "group" ? on || "" : on });
  }

  show(filtersOpen) {
    const wishes = countWishes(this.state.wishes);
    this.count.textContent = wishes || "";
    this.filters.setAttribute("aria-expanded", String(filtersOpen));
    for (const [name, control] of Object.entries(this.switches)) control.setAttribute("aria-checked", String(Boolean(this.state[name])));
    const by = this.state.group && this.state.group !== "stack" ? t("By {name}", { name: this.state.group }) : SWITCHES.group[0];
    this.switches.group.textContent = by;
    this.#showShare();
  }

  /** Where something is looked for, its room is kept until it is known who looks. A dropped picture cannot be shared. */
  #showShare() {
    this.share.hidden = this.state.idle || this.state.query.some((term) => term.image !== undefined);
    this.share.classList.toggle("withheld", !this.shares);
  }

  tell(words) {
    this.told.textContent = words;
  }
}
