/** Thumbs: which pictures found are right and wrong for a search. They are kept as judgments, and searched by at once (relevance feedback). */

import { announce, button, element } from "./dom.js";
import { icon } from "./icons.js";
import { t } from "./language.js";
import { format } from "./query.js";

const RIGHT = 1;
const WRONG = 0;
const MOST = 100; // of each kind that a search takes

export class Thumbs {
  /** `compare()` shows settings compared over all that was judged. */
  constructor(root, service, state, compare) {
    Object.assign(this, { root, service, state, compare });
    this.rights = { write: false };
    this.given = new Map(); // item → grade
    this.search = ""; // what they are about
    this.complaint = "";
  }

  /** What the visitor may do: who may change nothing gives thumbs to search by. */
  allow(rights) {
    this.rights = rights;
    this.search = "";
    this.show();
  }

  /** The search as it is judged; empty where it has no words to be kept by, or none are to be judged. */
  get #query() {
    return this.state.query.some((term) => term.image !== undefined) ? "" : format(this.state.query);
  }

  /** Show what was said of this search; what was kept before is asked for. */
  async show() {
    const search = JSON.stringify([this.state.query.map(({ text, item, image, weight }) => [text, item, image, weight]), this.state.filter]);
    if (search !== this.search) {
      this.search = search;
      this.complaint = "";
      this.given = new Map([...this.state.more.map((id) => [id, RIGHT]), ...this.state.less.map((id) => [id, WRONG])]);
      this.#tell();
      const kept = await this.#kept();
      if (this.search !== search) return;
      for (const { item, grade } of kept) if (!this.given.has(item)) this.given.set(item, grade);
    }
    this.#tell();
  }

  /** The two buttons of a picture. */
  pair(id, words) {
    return [[RIGHT, "up", t("Right for this search: {name}", { name: words })], [WRONG, "down", t("Wrong for this search: {name}", { name: words })]].map(([grade, name, label]) =>
      button(label, { icon: icon(name), class: `thumb ${name}`, tabindex: -1, "aria-pressed": String(this.#is(id, grade)), data: { judges: id, grade }, on: { click: () => this.give(id, grade) } }));
  }

  /** Give a thumb; the same again takes it back. */
  async give(id, grade) {
    if (this.state.query.length === 0) return;
    const back = this.#is(id, grade);
    if (back) this.given.delete(id);
    else this.given.set(id, grade);
    this.complaint = "";
    this.#tell();
    announce(back ? t("Taken back") : grade ? t("Right") : t("Wrong"));
    if (!this.rights.write || !this.#query) return;
    const search = { query: this.#query, filter: this.state.filter || undefined };
    try {
      await (back ? this.service.withdraw({ ...search, item: id }) : this.service.judge({ ...search, items: [id], grade }));
    } catch (error) {
      this.complaint = error.message;
      this.#tell();
    }
  }

  right(id) {
    return this.give(id, RIGHT);
  }

  wrong(id) {
    return this.give(id, WRONG);
  }

  async #kept() {
    if (!this.rights.write || !this.#query) return [];
    const { judgments } = await this.service.judgments({ query: this.#query, filter: this.state.filter }).catch(() => ({ judgments: [] }));
    return judgments.filter(({ who }) => who === this.rights.name);
  }

  #is(id, grade) {
    return this.given.has(id) && this.given.get(id) > 0 === grade > 0;
  }

  #of(grade) {
    return [...this.given.keys()].filter((id) => this.#is(id, grade)).slice(0, MOST);
  }

  #tell() {
    for (const thumb of document.querySelectorAll("[data-judges]")) {
      thumb.setAttribute("aria-pressed", String(this.#is(Number(thumb.dataset.judges), Number(thumb.dataset.grade))));
    }
    const [more, less] = [this.#of(RIGHT), this.#of(WRONG)];
    const { state } = this;
    const moved = state.more.length + state.less.length > 0;
    const same = String(more) === String(state.more) && String(less) === String(state.less);
    this.root.hidden = state.query.length === 0 || (!moved && this.given.size === 0);
    if (this.root.hidden) return;
    this.root.replaceChildren(...[
      element("span", {}, t("{right} right, {wrong} wrong", { right: more.length, wrong: less.length })),
      same ? null : button(t("More like these"), { text: less.length ? t("More like these, less like those") : t("More like these"), class: "small", on: { click: () => state.change({ more, less }) } }),
      moved ? button(t("Without thumbs"), { text: t("Search without thumbs"), class: "link", on: { click: () => state.change({ more: [], less: [] }) } }) : null,
      this.rights.write && !this.rights.narrow ? button(t("Compare settings"), { text: t("Compare settings"), class: "link", on: { click: this.compare } }) : null,
      element("span", { class: "complaint", role: "alert" }, this.complaint),
    ].filter(Boolean));
  }
}
