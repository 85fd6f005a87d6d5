/** Typeahead: what the typed words could name in the collection (people, places, tags, cameras, folders), and recent searches. */

import { announce, element, settled } from "./dom.js";
import { icon } from "./icons.js";
import { keptPicture, recall } from "./keeping.js";
import { kindName } from "./kinds.js";
import { locale, n, t } from "./language.js";
import { parse } from "./query.js";
import { forget, recent, remember } from "./recent.js";
import { fileName } from "./tile.js";

const PAUSE = 60; // milliseconds without a key until suggestions are asked for

export class Suggestions {
  constructor(root, searchbox, state, service) {
    Object.assign(this, { root, searchbox, state, service, input: searchbox.input });
    this.list = element("ul", { class: "suggestions", id: "suggestions", role: "listbox", "aria-label": t("Suggestions"), hidden: true });
    this.options = [];
    this.active = -1;
    this.asked = null;
    this.ask = settled(() => this.#ask(), PAUSE);
    root.append(this.list);
    const combobox = { role: "combobox", "aria-autocomplete": "list", "aria-controls": "suggestions", "aria-expanded": "false" };
    for (const [name, value] of Object.entries(combobox)) this.input.setAttribute(name, value);
    this.#listen();
  }

  hide() {
    this.ask.cancel();
    this.asked?.abort();
    this.#show([]);
  }

  #listen() {
    this.input.addEventListener("input", () => this.ask());
    this.input.addEventListener("focus", () => this.#showRecent());
    this.input.addEventListener("click", () => this.list.hidden && this.ask());
    this.root.addEventListener("keydown", (event) => this.#key(event), { capture: true });
    this.root.addEventListener("submit", () => {
      remember(this.input.value);
      this.hide();
    }, { capture: true });
    this.root.addEventListener("focusout", ({ relatedTarget }) => this.root.contains(relatedTarget) || this.hide());
  }

  #key(event) {
    if (this.list.hidden || event.target !== this.input || event.isComposing) return;
    if (event.key === "ArrowDown" || event.key === "ArrowUp") this.#step(event.key === "ArrowDown" ? 1 : -1);
    else if (event.key === "Enter" && this.active >= 0) this.options[this.active].choose();
    else if (event.key === "Escape") this.hide();
    else return;
    event.preventDefault();
    event.stopImmediatePropagation();
  }

  #step(direction) {
    const count = this.options.length + 1; // one place more: none is active
    this.active = ((this.active + 1 + direction + count) % count) - 1;
    [...this.list.children].forEach((row, place) => row.setAttribute("aria-selected", String(place === this.active)));
    this.input.setAttribute("aria-activedescendant", this.active < 0 ? "" : this.list.children[this.active].id);
  }

  async #ask() {
    const typed = this.input.value;
    this.asked?.abort();
    if (!typed.trim()) {
      this.#showRecent();
      return;
    }
    this.asked = new AbortController();
    const found = await this.service.suggest(typed, this.asked.signal).catch(() => null); // the search goes on without
    if (found === null || typed !== this.input.value || document.activeElement !== this.input) return;
    this.#show(found.suggestions.filter((one) => !this.state.wishes[one.field].includes(one.value)).map((one) => this.#named(one, typed)));
  }

  #named(one, typed) {
    const name = one.kind === "folder" ? fileName(one.value) : one.value;
    const choose = () => {
      this.hide();
      this.searchbox.retype(without(typed, name));
      const wishes = { ...this.state.wishes, [one.field]: [...this.state.wishes[one.field], one.value] };
      this.state.change({ wishes, draft: parse(this.input.value) });
    };
    return { name, kind: one.kind, told: one.count.toLocaleString(locale), title: one.value, choose };
  }

  async #showRecent() {
    await recall(recent().map(({ picture }) => picture).filter(Boolean));
    if (this.input.value !== "") return;
    if (document.activeElement !== this.input || this.state.terms.length) {
      this.#show([]);
      return;
    }
    const searches = recent().map((one) => this.#recent(one)).filter(Boolean);
    const clear = { name: t("Forget recent searches"), kind: "close", told: "", title: "", choose: () => { forget(); this.hide(); } };
    this.#show(searches.length ? [...searches, clear] : []);
  }

  /** A recent search; null for one by a picture that is not kept any more. */
  #recent(one) {
    const picture = one.picture === undefined ? null : keptPicture(one.picture);
    if (picture?.lost) return null;
    const name = picture ? one.name : one;
    const choose = () => {
      this.hide();
      this.searchbox.retype("");
      remember(one);
      this.state.change({ terms: picture ? [{ ...picture, weight: 1 }] : parse(one), draft: [] });
    };
    return { name, kind: "recent", told: "", title: name, preview: picture?.preview, choose };
  }

  #show(options) {
    this.options = options;
    this.active = -1;
    this.list.replaceChildren(...options.map((option, place) => row(option, place)));
    this.list.hidden = options.length === 0;
    this.input.setAttribute("aria-expanded", String(options.length > 0));
    this.input.setAttribute("aria-activedescendant", "");
    if (options.length && options[0].kind !== "recent") announce(n(options.length, "{n} suggestion", "{n} suggestions"));
  }
}

function row({ name, kind, told, title, preview, choose }, place) {
  const act = (event) => {
    event.preventDefault(); // the line keeps the focus
    choose();
  };
  return element(
    "li",
    { id: `suggestion-${place}`, class: "suggestion", role: "option", "aria-selected": "false", title, on: { pointerdown: act } },
    preview ? element("img", { src: preview, alt: "", width: 24, height: 24 }) : icon(ICONS[kind]),
    element("span", { class: "suggestion-name" }, name),
    element("span", { class: "suggestion-kind" }, kind === "recent" || kind === "close" ? "" : kindName(kind)),
    element("span", { class: "suggestion-count" }, told),
  );
}

const ICONS = { person: "person", place: "place", tag: "tag", camera: "camera", folder: "folder", recent: "clock", close: "close" };

/** What was typed without its last words, as far as they begin the name that was chosen. */
export function without(typed, name) {
  const words = typed.trim().split(/\s+/);
  const beginning = ` ${plain(name)}`;
  const start = words.findIndex((_, place) => beginning.includes(` ${plain(words.slice(place).join(" "))}`));
  return start < 0 ? typed : words.slice(0, start).join(" ");
}

function plain(text) {
  return text.normalize("NFKD").replace(/[\u0300-\u036f]/g, "").toLowerCase();
}
