/** Annotations: what people say of a picture, to be changed in place: favourite, stars, tags, albums, caption. */

import { button, element } from "./dom.js";
import { icon } from "./icons.js";
import { n, t } from "./language.js";
import { Tokens } from "./tokens.js";

const STARS = [1, 2, 3, 4, 5];

export class Annotations {
  /** `changed(item)` hears what is known of the picture after a change. */
  constructor(service, { changed }) {
    this.service = service;
    this.changed = changed;
    this.writable = false;
    this.item = null;
    this.said = ""; // the caption as it was shown: another one is being written
    this.done = Promise.resolve(); // all changes so far, which are made one after another
    this.heart = button(t("Favourite"), { icon: icon("heart"), class: "round heart", "aria-pressed": "false", on: { click: () => this.favourite() } });
    this.stars = STARS.map((count) => button(n(count, "{n} star", "{n} stars"),
      { icon: icon("star"), class: "star", "aria-pressed": "false", on: { click: () => this.rate(count) } }));
    const tagged = (word, field) => this.#change({ [field]: [word] });
    this.tags = new Tokens(t("Tags"), t("Add a tag"), {
      add: (word) => tagged(word, "add_tags"),
      remove: (word) => tagged(word, "remove_tags"),
      known: async () => (await service.facets("")).tags.map(({ value }) => value),
    });
    this.albums = new Tokens(t("Albums"), t("Add to an album"), {
      add: (name) => this.#collect(name),
      remove: (name) => this.#change({ remove_from_albums: [this.among.find((album) => album.name === name).id] }),
      known: async () => (await this.#byHand()).map(({ name }) => name),
    });
    this.caption = element("textarea", { id: "own-caption", rows: 2, maxlength: 4000, placeholder: t("What does it show?") });
    this.captioning = element("section", {}, element("h3", {}, element("label", { for: "own-caption" }, t("In your words"))),
      element("form", { on: { submit: (event) => this.#caption(event) } }, this.caption, element("button", { class: "small" }, t("Save"))));
    this.complaint = element("p", { class: "complaint", role: "alert" });
    this.panel = element("div", { class: "annotations", hidden: true },
      element("div", { class: "marks" }, this.heart, element("div", { class: "stars", role: "group", "aria-label": t("Rating") }, ...this.stars)),
      this.complaint, this.tags.panel, this.albums.panel, this.captioning);
  }

  /** Whether the visitor may change anything, and albums, which belong to the whole library. */
  allow({ write, narrow }) {
    this.writable = write;
    this.albums.panel.hidden = narrow;
    this.narrow = narrow;
  }

  /** Show what is said of an item; nothing for null. */
  async show(item) {
    const another = this.item?.id !== item?.id;
    this.item = item;
    this.panel.hidden = item === null || !this.writable;
    this.complaint.textContent = "";
    if (this.panel.hidden) return;
    this.heart.setAttribute("aria-pressed", String(item.attributes.favourite === true));
    for (const [place, star] of this.stars.entries()) star.setAttribute("aria-pressed", String(place < Number(item.attributes.rating ?? 0)));
    this.tags.show(item.tags);
    const said = item.captions.filter(({ source }) => source === "user").map(({ text }) => text).join("\n");
    if (another || this.caption.value === this.said) this.caption.value = said;
    this.said = said;
    this.among = [];
    this.albums.show([]);
    if (this.narrow) return;
    const { albums } = await this.service.albums(item.id).catch(() => ({ albums: [] }));
    if (this.item !== item) return;
    this.among = albums;
    this.albums.show(albums.map(({ name }) => name));
  }

  /** Make it a favourite, or no more. */
  favourite() {
    if (this.item && this.writable) this.#change({ attributes: { favourite: this.item.attributes.favourite === true ? null : true } });
  }

  /** Give it so many stars; the same again, or 0, takes them back. */
  rate(count) {
    if (!this.item || !this.writable) return;
    const again = count === 0 || this.item.attributes.rating === count;
    this.#change(again ? { restore_attributes: ["rating"] } : { attributes: { rating: count } });
  }

  async #byHand() {
    const { albums } = await this.service.albums();
    return albums.filter(({ query, filter }) => query === null && filter === null);
  }

  #collect(name) {
    return this.#attempt(async (item) => {
      const there = (await this.#byHand()).find((album) => album.name.toLowerCase() === name.toLowerCase());
      const { id } = there ?? (await this.service.createAlbum({ name }));
      await this.service.annotate({ ids: [item.id], add_to_albums: [id] });
    });
  }

  #change(change) {
    return this.#attempt((item) => this.service.annotate({ ids: [item.id], ...change }));
  }

  #caption(event) {
    event.preventDefault();
    this.said = this.caption.value;
    const captions = this.said.split("\n").map((line) => line.trim()).filter(Boolean);
    this.#attempt((item) => this.service.patch(item.id, { captions }));
  }

  /** Do it to the picture that is shown now, when what was asked before is done, and show what is known then. */
  #attempt(act) {
    const { item } = this;
    this.done = this.done.then(() => this.#perform(item, act));
    return this.done;
  }

  async #perform(item, act) {
    try {
      await act(item);
      const after = await this.service.item(item.id);
      this.changed(after);
      if (this.item?.id === item.id) this.show(after);
    } catch (error) {
      this.complaint.textContent = error.message;
    }
  }
}
