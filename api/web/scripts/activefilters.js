/** The filters in force, chosen or read out of the query, each with a way to take it away: none works unseen. */

import { button, element } from "./dom.js";
import { boxOf, dayOf, noWishes } from "./filter.js";
import { icon } from "./icons.js";
import { kindName } from "./kinds.js";
import { t } from "./language.js";
import { fileName } from "./tile.js";

export class ActiveFilters {
  constructor(root, state) {
    this.root = root;
    this.state = state;
    this.read = []; // filters that the service read out of the query
    this.corrections = []; // typing errors in it that the service put right
  }

  /** Show what was understood of the query. */
  understood({ understood = [], corrections = [] }) {
    this.read = understood;
    this.corrections = corrections;
    this.show();
  }

  /** Show what the state wishes, and what was read out of the query. */
  show() {
    const chips = chosen(this.state.wishes).map((one) => this.#chip(one));
    const all = button(t("Reset"), { class: "link", on: { click: () => this.#wish(noWishes()) } });
    const understood = this.read.filter(({ text }) => this.state.says(text)).map((one) => this.#readChip(one));
    const corrected = this.corrections.filter(({ text }) => this.state.says(text)).map((one) => this.#correctionChip(one));
    const taken = this.state.words.map((words) => this.#wordsChip(words));
    this.root.replaceChildren(...understood, ...corrected, ...taken, ...chips, ...(chips.length > 1 ? [element("li", {}, all)] : []));
    this.root.hidden = this.root.children.length === 0;
  }

  #readChip({ filter, text, kind }) {
    return element("li", { class: "wish understood" }, element("span", { class: "wish-name", title: t("understood: {filter}", { filter }) }, element("b", {}, kindName(kind)), " ", text), this.#takeBack(text));
  }

  #correctionChip({ text, word }) {
    return element("li", { class: "wish understood" }, element("span", { class: "wish-name", title: t("“{text}” is read as “{word}”", { text, word }) }, element("b", {}, t("spelling")), " ", `${text} → ${word}`), this.#takeBack(text));
  }

  #takeBack(text) {
    return button(t("Search for “{text}” as words", { text }), { icon: icon("close"), class: "wish-remove", on: { click: () => this.state.change({ asWords: [...this.state.words, text] }) } });
  }

  #wordsChip(words) {
    const again = button(t("Understand “{words}” again", { words }), { icon: icon("close"), class: "wish-remove", on: { click: () => this.state.change({ asWords: this.state.words.filter((other) => other !== words) }) } });
    return element("li", { class: "wish as-words" }, element("span", { class: "wish-name", title: t("searched for as words") }, t("“{words}” as words", { words })), again);
  }

  #chip({ label, title, without }) {
    const remove = button(t("Remove the filter {label}", { label }), { icon: icon("close"), class: "wish-remove", on: { click: () => this.#wish(without) } });
    return element("li", { class: "wish" }, element("span", { class: "wish-name", title: title ?? label }, label), remove);
  }

  #wish(wishes) {
    this.state.change({ wishes: { ...this.state.wishes, ...wishes } });
  }
}

/** Each wish in words, and the wishes without it. */
function chosen(wishes) {
  const { from, to, caption, captioned, favourite, rating, place, filter } = wishes;
  const one = (field) => (value) => ({
    label: field === "folder" ? fileName(value) : value,
    title: `${field}: ${value}`,
    without: { [field]: wishes[field].filter((other) => other !== value) },
  });
  const both = from !== "" && from === to;
  return [
    both && { label: from, without: { from: "", to: "" } },
    !both && from && { label: t("from {day}", { day: dayOf(from, "from") }), without: { from: "" } },
    !both && to && { label: t("until {day}", { day: dayOf(to, "to") }), without: { to: "" } },
    favourite && { label: t("favourites"), without: { favourite: "" } },
    rating && { label: rating === "5" ? "★★★★★" : t("{stars} or more", { stars: "★".repeat(Number(rating)) }), title: `rating >= ${rating}`, without: { rating: "" } },
    ...["album", "folder", "camera", "tag", "person", "city", "country"].flatMap((field) => wishes[field].map(one(field))),
    caption.trim() && { label: `“${caption.trim()}”`, title: `caption: ${caption.trim()}`, without: { caption: "" } },
    boxOf(place) && { label: t("in a box of the map"), title: degrees(boxOf(place)), without: { place: "" } },
    filter.trim() && { label: filter.trim(), without: { filter: "" } },
    captioned && { label: captioned === "yes" ? t("with a caption") : t("without a caption"), without: { captioned: "" } },
  ].filter(Boolean);
}

/** A box in words. */
function degrees({ south, west, north, east }) {
  const along = (value, ways) => `${Math.abs(value)}° ${ways[Number(value < 0)]}`;
  return `${along(south, "NS")} to ${along(north, "NS")}, ${along(west, "EW")} to ${along(east, "EW")}`;
}
