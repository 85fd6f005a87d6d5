/** What can be done with the pictures that are chosen: a bar at the bottom of the page. */

import { Captioning } from "./captioning.js";
import { withCommands } from "./commands.js";
import { button, element } from "./dom.js";
import { icon } from "./icons.js";
import { locale, t } from "./language.js";
import { Removing } from "./removing.js";
import { Tokens } from "./tokens.js";

const MOST = 2000; // pictures of one download, export or job

export class SelectionBar {
  /**
   * `selection` is what is chosen; `uris(ids)` gives their paths; `marked(ids, attributes)` hears of attributes that
   * are set, `changed()` that pictures may be gone, or be others; `start(job)` starts one.
   */
  constructor(service, selection, toast, { uris, marked, changed, start }) {
    Object.assign(this, { service, selection, toast, uris, marked, changed, start });
    this.removing = new Removing(service, toast, { attempt: (act) => this.#attempt(act), changed });
    this.count = element("span", { class: "chosen-count", role: "status" });
    const act = (label, name, listener) => button(label, { icon: icon(name), class: "round", on: { click: listener } });
    this.writing = [
      act(t("Make favourites"), "heart", () => this.#favour()),
      act(t("Tag"), "tag", () => this.#open("tags")),
      act(t("Add to an album"), "album", () => this.#open("albums")),
      act(t("Say what they show"), "pencil", () => this.#open("captions")),
      act(t("Remove from the library"), "bin", () => this.#removeChosen()),
    ];
    this.root = element("div", { class: "selection", role: "toolbar", "aria-label": t("Chosen pictures"), hidden: true },
      act(t("Choose none"), "close", () => selection.clear()), this.count, ...this.writing,
      act(t("Download"), "download", () => this.#download("download", "pictures.zip")),
      act(t("Export what is known of them"), "table", () => this.#open("formats")), act(t("Copy paths"), "copy", () => this.#copy()));
    this.#forms();
    document.body.append(this.root);
  }

  /** What the visitor may do. */
  allow({ admin, write, narrow, trash }) {
    for (const one of this.writing) one.hidden = !write;
    this.writing[2].hidden = !write || narrow;
    this.captions.permit({ admin });
    this.removing.allow({ trash });
  }

  /** Show how many are chosen. */
  show() {
    const { size } = this.selection.ids;
    this.root.hidden = size === 0;
    this.count.textContent = size ? t("{n} chosen", { n: size }) : "";
  }

  get #ids() {
    return [...this.selection.ids];
  }

  #forms() {
    this.tags = new Tokens(t("Tag them"), t("Add a tag"), {
      add: (word) => this.#annotate({ add_tags: [word] }, t("tagged {word}", { word })),
      remove: () => {},
      known: async () => (await this.service.facets("")).tags.map(({ value }) => value),
    });
    this.albums = new Tokens(t("Add them to an album"), t("Album"), {
      add: (name) => this.#collect(name),
      remove: () => {},
      known: async () => (await this.#byHand()).map(({ name }) => name),
    });
    this.captions = new Captioning({ say: (sentence) => this.#annotate({ add_captions: [sentence] }, t("captioned")), describe: () => this.#describe() });
    const download = (text, format) => button(text, { on: { click: () => this.#download("export", `pictures.${format}`, `&format=${format}`) } });
    this.formats = { show: () => {}, panel: element("section", { class: "spaced" }, element("h3", {}, t("Export what is known of them")),
      element("div", { class: "actions" }, download("JSON lines", "jsonl"), download("Parquet", "parquet")),
      element("p", { class: "aside" }, ...withCommands(t("Facts, tags, captions and vectors: `vasari import` reads them.")))) };
    this.panels = { tags: this.tags, albums: this.albums, captions: this.captions, formats: this.formats };
    this.dialog = element("dialog", { class: "dialog", "aria-label": t("Chosen pictures") }, element("div", { class: "sheet" },
      element("div", { class: "about-head" }, element("h2", {}, ""), button(t("Close"), { icon: icon("close"), class: "round", on: { click: () => this.dialog.close() } })),
      ...Object.values(this.panels).map(({ panel }) => panel)));
    document.body.append(this.dialog);
  }

  #open(name) {
    for (const [key, { panel }] of Object.entries(this.panels)) panel.hidden = key !== name;
    this.panels[name].show([]);
    this.dialog.querySelector("h2").textContent = this.count.textContent;
    this.dialog.showModal();
    this.panels[name].input?.focus();
  }

  /** Have the model describe those that are chosen, in the background. */
  #describe() {
    const ids = this.#ids;
    this.dialog.close();
    if (!this.#few()) return;
    this.#attempt(async () => {
      this.toast.show(t("{n} to be described, in the background", { n: ids.length }));
      const { state, progress } = await this.start({ kind: "caption", ids });
      if (state === "failed") throw new Error(progress.error);
      this.changed();
    });
  }

  /** Whether no more are chosen than are taken at once. */
  #few() {
    if (this.selection.ids.size <= MOST) return true;
    this.toast.show(t("Choose at most {n} pictures for that.", { n: MOST }));
    return false;
  }

  #favour() {
    this.#annotate({ attributes: { favourite: true } }, t("made favourites"), { favourite: true });
  }

  async #byHand() {
    const { albums } = await this.service.albums();
    return albums.filter(({ query, filter }) => query === null && filter === null);
  }

  async #collect(name) {
    await this.#attempt(async () => {
      const there = (await this.#byHand()).find((album) => album.name.toLowerCase() === name.toLowerCase());
      const { id } = there ?? (await this.service.createAlbum({ name }));
      await this.#annotate({ add_to_albums: [id] }, t("added to {name}", { name }));
    });
  }

  /** Say something of all that are chosen; it can be undone. */
  #annotate(change, done, attributes) {
    const ids = this.#ids;
    this.dialog.close();
    return this.#attempt(async () => {
      const { changed, undo } = await this.service.annotate({ ids, ...change });
      if (attributes) this.marked(ids, attributes);
      this.toast.show(`${changed.toLocaleString(locale)} ${done}`, { undo: () => this.#undo(undo) });
      this.changed();
    });
  }

  #undo(bodies) {
    this.#attempt(async () => {
      for (const body of bodies) await this.service.annotate(body);
      this.toast.show(t("Undone"));
      this.changed();
    });
  }

  async #removeChosen() {
    const ids = this.#ids;
    const tiles = ids.map((id) => document.querySelector(`main .tile[data-id="${id}"]`)).filter(Boolean);
    const go = await this.removing.remove(ids, (are) => tiles.forEach((tile) => tile.classList.toggle("leaving", are)));
    if (go) this.selection.clear();
  }

  #download(what, name, options = "") {
    this.dialog.close();
    if (!this.#few()) return;
    const link = element("a", { href: `/v1/${what}?ids=${this.#ids.join(",")}${options}`, download: name });
    document.body.append(link);
    link.click();
    link.remove();
  }

  async #copy() {
    await this.#attempt(async () => {
      await navigator.clipboard.writeText((await this.uris(this.#ids)).join("\n"));
      this.toast.show(t("Paths copied"));
    });
  }

  async #attempt(act) {
    try {
      await act();
    } catch (error) {
      this.toast.show(error.message);
    }
  }
}
