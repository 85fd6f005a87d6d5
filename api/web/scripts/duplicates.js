/** Duplicates side by side: what tells the copies apart, which of them to keep, and taking the others out of the library. */

import { announce, button, element } from "./dom.js";
import { written } from "./facts.js";
import { icon } from "./icons.js";
import { locale, t } from "./language.js";
import { sideFor, thumbnail } from "./service.js";
import { fileName } from "./tile.js";

const PAGE = 20; // groups fetched at once

export class Duplicates {
  /** `open(hit)` shows a picture; `remove(ids, leaving)` takes items out, where that is not undone; whether it does. */
  constructor(service, state, { open, remove }) {
    Object.assign(this, { service, state, open, remove });
    this.writable = false;
    this.#build();
  }

  /** What the visitor may do. */
  allow({ write }) {
    this.writable = write;
    if (this.groups?.length) this.#show();
  }

  async show() {
    this.dialog.showModal();
    this.groups = [];
    this.going = new Set();
    this.place = 0;
    this.total = 0;
    this.message.textContent = "";
    this.copies.replaceChildren();
    await this.#more();
    this.#show();
  }

  async #more() {
    try {
      const { total, groups } = await this.service.copies({ filter: this.state.filter, limit: PAGE, offset: this.groups.length });
      this.total = total;
      this.groups.push(...groups.map(({ items }) => ({ items, kept: new Set([items[0].id]) })));
    } catch (error) {
      this.message.textContent = error.message;
    }
  }

  #build() {
    const step = (label, name, by) => button(label, { icon: icon(name), class: "round", on: { click: () => this.#step(by) } });
    this.told = element("span", { class: "aside", role: "status" });
    this.previous = step(t("Previous group"), "left", -1);
    this.next = step(t("Next group"), "right", 1);
    this.act = button("", { text: " ", class: "primary", on: { click: () => this.#take() } });
    this.message = element("p", { class: "aside" });
    this.copies = element("div", { class: "copies", role: "group", "aria-label": t("Copies") });
    this.dialog = element("dialog", { class: "map", id: "duplicates", "aria-labelledby": "duplicates-title" },
      element("header", { class: "map-head" },
        element("h2", { id: "duplicates-title" }, t("Duplicates")), this.told, this.act, this.previous, this.next,
        button(t("Close"), { icon: icon("close"), class: "round", on: { click: () => this.dialog.close() } })),
      element("div", { class: "copies-room", tabindex: 0, autofocus: true, role: "region", "aria-label": t("Copies side by side") }, this.message, this.copies));
    document.addEventListener("keydown", (event) => { // the focus may be nowhere, once the button that had it is gone
      if (!this.dialog.open || document.querySelector("#viewer[open]") || event.ctrlKey || event.metaKey || event.altKey) return;
      if (event.key === "ArrowLeft") this.#step(-1);
      else if (event.key === "ArrowRight") this.#step(1);
      else if (/^[1-9]$/.test(event.key)) this.copies.querySelectorAll("input")[Number(event.key) - 1]?.click();
      else return;
      event.preventDefault();
    });
    document.body.append(this.dialog);
  }

  async #step(by) {
    const place = this.place + by;
    if (place < 0 || place >= this.total) return;
    if (place >= this.groups.length) await this.#more();
    if (place >= this.groups.length) return;
    this.place = place;
    this.#show();
    announce(this.told.textContent);
  }

  #show() {
    const group = this.groups[this.place];
    this.previous.disabled = this.place === 0;
    this.next.disabled = this.place + 1 >= this.total;
    this.act.hidden = !group || !this.writable;
    this.told.textContent = group ? t("{n} of {total}", { n: this.place + 1, total: this.total }) : "";
    if (!group) {
      if (!this.message.textContent) this.message.textContent = t("No two of these pictures are nearly the same.");
      return;
    }
    const there = group.items.filter(({ id }) => !this.going.has(id));
    const rows = differences(there);
    this.copies.replaceChildren(...there.map((item, place) => this.#copy(item, place, group, rows)));
    this.#count();
  }

  #copy(item, place, group, rows) {
    const keep = element("input", { type: "checkbox", disabled: !this.writable, "aria-label": t("Keep {name}", { name: fileName(item.uri) }) });
    keep.checked = group.kept.has(item.id);
    const figure = element("figure", { class: keep.checked ? "copy" : "copy other" },
      element("button", { type: "button", class: "copy-open", "aria-label": t("Open {name}", { name: fileName(item.uri) }), on: { click: () => this.open(item) } },
        element("img", { src: thumbnail(item, sideFor(640, item)), alt: "", width: item.width ?? 64, height: item.height ?? 64 })),
      element("figcaption", {},
        element("label", {}, keep, place === 0 ? t(" Keep (best)") : t(" Keep")),
        element("dl", {}, ...rows.flatMap(({ name, values, differs }) => [
          element("dt", {}, name), element("dd", { class: differs ? "differs" : "" }, values.get(item.id) || "–")]))));
    keep.addEventListener("change", () => {
      if (keep.checked) group.kept.add(item.id);
      else group.kept.delete(item.id);
      figure.classList.toggle("other", !keep.checked);
      this.#count();
    });
    return figure;
  }

  get #others() {
    const { items, kept } = this.groups[this.place];
    return items.filter(({ id }) => !kept.has(id) && !this.going.has(id)).map(({ id }) => id);
  }

  #count() {
    const others = this.#others.length;
    const { kept } = this.groups[this.place];
    this.act.disabled = others === 0 || kept.size === 0;
    this.act.textContent = kept.size === 0 ? t("Keep one at least") : t("Remove {n} from the library", { n: others });
  }

  /** Take the others out, and go on to the next group. */
  async #take() {
    const ids = this.#others;
    const go = await this.remove(ids, (leaving) => {
      for (const id of ids) {
        if (leaving) this.going.add(id);
        else this.going.delete(id);
      }
      if (this.dialog.open) this.#show();
    });
    if (go) this.#step(1);
  }
}

/** What is known of the copies, by name: {name, values by id, differs}; what differs comes first. */
export function differences(items) {
  const told = items.map((item) => [item.id, new Map(known(item))]);
  const names = [...new Set(told.flatMap(([, facts]) => [...facts].filter(([, value]) => value).map(([name]) => name)))];
  const rows = names.map((name) => {
    const values = new Map(told.map(([id, facts]) => [id, facts.get(name) ?? ""]));
    return { name, values, differs: new Set(values.values()).size > 1 };
  });
  return [...rows.filter(({ differs }) => differs), ...rows.filter(({ differs }) => !differs)];
}

function known(item) {
  return [
    [t("File"), fileName(item.uri)],
    [t("Folder"), item.uri.slice(0, item.uri.length - fileName(item.uri).length)],
    [t("Pixels"), item.width ? `${item.width} × ${item.height}` : ""],
    [t("Bytes"), item.bytes.toLocaleString(locale)],
    [t("Format"), (item.format ?? "").toUpperCase()],
    [t("Tags"), item.tags.join(", ")],
    [t("Captions"), item.captions.join(" / ")],
    ...Object.entries(item.attributes).map(([name, value]) => [name.replaceAll("_", " "), written(value)]),
  ];
}
