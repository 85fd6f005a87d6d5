/** The filter panel: fields with the counts of what each choice would leave. */

import { button, element, settled } from "./dom.js";
import { countWishes, dayOf, filterText, noWishes } from "./filter.js";
import { icon } from "./icons.js";
import { locale, n, t } from "./language.js";

const SHOWN = 8; // choices of a field until more are asked for
const LISTS = { camera: t("Camera"), folder: t("Folder"), tag: t("Tag") };

export class FilterPanel {
  /** `close()` hears that a person closes the panel. */
  constructor(root, state, service, close) {
    this.root = root;
    this.state = state;
    this.service = service;
    this.close = close;
    this.unfolded = new Set();
    this.asked = null;
    this.lists = Object.fromEntries(Object.keys(LISTS).map((field) => [field, element("ul", { class: "choices" })]));
    this.from = this.#date("from", t("Taken from"));
    this.to = this.#date("to", t("Taken to"));
    this.years = element("ul", { class: "choices pills years" });
    this.caption = element("input", { id: "caption-filter", type: "search", placeholder: t("Words in captions"), autocomplete: "off" });
    this.typed = {}; // words that were typed and are not searched for yet; the next wish takes them along
    const searchTyped = settled(() => "caption" in this.typed && this.#wish({}, "caption"), 300);
    this.caption.addEventListener("input", () => {
      this.typed = { caption: this.caption.value };
      searchTyped();
    });
    // Typed to the end: what is typed next is another step.
    this.caption.addEventListener("change", () => ("caption" in this.typed ? this.#wish({}) : state.change({})));
    this.captioned = element("ul", { class: "choices" });
    this.own = element("ul", { class: "choices pills" });
    this.#build();
  }

  get open() {
    return !this.root.hidden;
  }

  /** Open or close the panel; one that is opened gets the focus. */
  show(open) {
    if (open === this.open) return;
    this.root.hidden = !open;
    if (!open) return;
    this.refresh();
    this.root.querySelector(".filters-head .quiet").focus({ preventScroll: true });
  }

  /** Show the state's wishes and count anew. */
  async refresh() {
    if (!this.open) return;
    const wishes = this.state.wishes;
    this.from.value = dayOf(wishes.from, "from");
    this.to.value = dayOf(wishes.to, "to");
    if (!("caption" in this.typed) && this.caption.value.trim() !== wishes.caption.trim()) this.caption.value = wishes.caption;
    this.reset.hidden = countWishes(wishes) === 0;
    this.asked?.abort();
    this.asked = new AbortController();
    const counts = await this.#count(this.asked.signal).catch(() => null);
    if (counts !== null) this.#show(counts);
  }

  #build() {
    this.reset = button(t("Reset"), { class: "link", on: { click: () => this.#wish(noWishes()) } });
    const group = (name, ...content) => element("section", { class: "field" }, element("h3", {}, name), ...content);
    this.groups = Object.fromEntries(Object.entries(LISTS).map(([field, name]) => [field, group(name, this.lists[field])]));
    const dates = element("div", { class: "dates" },
      element("label", { for: "from" }, t("From")), this.from, element("label", { for: "to" }, t("To")), this.to);
    this.root.replaceChildren(
      element("div", { class: "filters-head" },
        element("h2", {}, t("Filters")), this.reset,
        button(t("Close the filters"), { icon: icon("close"), class: "quiet", on: { click: () => this.close() } })),
      group(t("Yours"), this.own),
      group(t("Date"), this.years, dates),
      this.groups.folder, this.groups.camera, this.groups.tag,
      element("section", { class: "field" },
        element("h3", {}, element("label", { for: "caption-filter" }, t("Caption"))), this.caption, this.captioned),
    );
  }

  #date(id, label) {
    const field = element("input", { id, type: "date", "aria-label": label });
    field.addEventListener("change", () => this.#wish({ [id]: field.value }));
    return field;
  }

  #wish(wishes, step = true) {
    const all = { ...this.state.wishes, ...this.typed, ...wishes };
    this.typed = {};
    this.state.change({ wishes: all }, { step });
  }

  /** Counts by field. A field's own wish is left out of its filter; fields with equal filters share a request. */
  async #count(signal) {
    const requests = new Map();
    const ask = (except) => {
      const filter = filterText(this.state.wishes, except);
      if (!requests.has(filter)) requests.set(filter, this.service.facets(filter, signal));
      return requests.get(filter);
    };
    const [taken, camera, folder, tag, caption] = await Promise.all(["taken", "camera", "folder", "tag", "caption"].map(ask));
    return { years: taken.years, camera: camera.cameras, folder: tree(folder.folders), tag: tag.tags, captioned: caption };
  }

  #show(counts) {
    const wishes = this.state.wishes;
    for (const field of Object.keys(LISTS)) {
      this.groups[field].hidden = counts[field].length === 0 && wishes[field].length === 0;
      this.#choices(this.lists[field], field, withChosen(counts[field], wishes[field]));
    }
    const own = [["favourite", "yes", t("Favourites")], ...["3", "4", "5"].map((stars) => ["rating", stars, `${"★".repeat(Number(stars))}${stars === "5" ? "" : "+"}`])];
    this.own.replaceChildren(...own.map(([field, value, label]) => {
      const pressed = wishes[field] === value;
      return element("li", {}, choice(label, null, pressed, () => this.#wish({ [field]: pressed ? "" : value }), field === "rating" ? value === "5" ? n(5, "{n} star", "{n} stars") : t("{n} stars or more", { n: value }) : label));
    }));
    this.years.replaceChildren(...newestFirst(counts.years).map(({ value, count }) => {
      const pressed = wishes.from === value && wishes.to === value;
      const wish = pressed ? { from: "", to: "" } : { from: value, to: value };
      return element("li", {}, choice(value, count, pressed, () => this.#wish(wish)));
    }));
    this.captioned.replaceChildren(...[["yes", t("With a caption"), counts.captioned.captioned], ["no", t("Without"), counts.captioned.total - counts.captioned.captioned]].map(
      ([value, label, count]) => {
        const pressed = wishes.captioned === value;
        return element("li", {}, choice(label, count, pressed, () => this.#wish({ captioned: pressed ? "" : value })));
      }));
  }

  #choices(list, field, entries) {
    const wishes = this.state.wishes[field];
    const all = this.unfolded.has(field) || entries.length <= SHOWN + 2;
    const shown = all ? entries : entries.filter(({ value }, place) => place < SHOWN || wishes.includes(value));
    const rows = shown.map(({ value, label, depth, count }) => {
      const pressed = wishes.includes(value);
      const wish = pressed ? wishes.filter((other) => other !== value) : [...wishes, value];
      const act = () => this.#wish({ [field]: wish });
      return element("li", { style: { "--depth": depth ?? 0 } }, choice(label ?? value, count, pressed, act, value));
    });
    if (!all) {
      const more = button(t("{n} more", { n: entries.length - shown.length }), { class: "link", on: { click: () => {
        this.unfolded.add(field);
        this.#choices(list, field, entries);
      } } });
      rows.push(element("li", {}, more));
    }
    const focused = list.contains(document.activeElement) ? document.activeElement.title : null;
    list.replaceChildren(...rows);
    if (focused !== null) [...list.querySelectorAll("button")].find((one) => one.title === focused)?.focus();
  }
}

function choice(label, count, pressed, act, title = label) {
  return element(
    "button",
    { type: "button", class: "choice", "aria-pressed": String(pressed), title, on: { click: act } },
    element("span", { class: "choice-name" }, label),
    count === null ? null : element("span", { class: "count" }, count.toLocaleString(locale)),
  );
}

function newestFirst(years) {
  return years.filter(({ value }) => dayOf(value, "from")).sort((one, other) => Number(other.value) - Number(one.value));
}

/** Entries, with those that are chosen and that nothing has any more. */
function withChosen(entries, chosen) {
  const known = new Set(entries.map(({ value }) => value));
  return [...entries, ...chosen.filter((value) => !known.has(value)).map((value) => ({ value, count: 0 }))];
}

/** Folders and those above them below the one they all share, each with all that lies inside. */
export function tree(folders) {
  const paths = folders.map(({ value, count }) => ({ parts: value.split("/").filter(Boolean), count }));
  if (!paths.length) return [];
  let shared = paths[0].parts.length - 1;
  for (const { parts } of paths) {
    while (shared > 0 && paths[0].parts.slice(0, shared).some((part, place) => parts[place] !== part)) shared -= 1;
    shared = Math.min(shared, parts.length - 1);
  }
  const inside = new Map();
  for (const { parts, count } of paths) {
    for (let end = shared + 1; end <= parts.length; end += 1) {
      const value = `/${parts.slice(0, end).join("/")}`;
      const known = inside.get(value) ?? { value, label: parts[end - 1], depth: end - shared - 1, count: 0 };
      inside.set(value, { ...known, count: known.count + count });
    }
  }
  return [...inside.values()].sort((one, other) => one.value.localeCompare(other.value));
}
