/** The albums: favourites, albums by hand and saved searches, each opened by a click. */

import { button, element } from "./dom.js";
import { countWishes } from "./filter.js";
import { icon } from "./icons.js";
import { locale, t } from "./language.js";
import { format } from "./query.js";

export class Albums {
  /** `open(wishes, query)` looks for what is in an album, `duplicates()` shows those, `share(album)` the links to one. */
  constructor(service, state, { duplicates, open, share }) {
    this.share = share;
    this.duplicates = duplicates;
    this.service = service;
    this.state = state;
    this.open = open;
    this.list = element("ul", { class: "albums" });
    this.complaint = element("p", { class: "complaint", role: "alert" });
    this.name = element("input", { id: "album-name", type: "text", required: true, maxlength: 200, autocomplete: "off", placeholder: t("Summer 2024") });
    this.saving = element("label", { class: "aside" }, (this.saved = element("input", { type: "checkbox" })), t(" Save what is searched for now"));
    this.form = element("form", { class: "album-new", hidden: true, on: { submit: (event) => this.#create(event) } },
      element("label", { for: "album-name" }, t("New album")),
      element("div", { class: "inline" }, this.name, element("button", { class: "primary small" }, t("Make"))), this.saving);
    this.dialog = element("dialog", { class: "dialog", id: "albums", "aria-labelledby": "albums-title" },
      element("div", { class: "sheet" },
        element("div", { class: "about-head" }, element("h2", { id: "albums-title" }, t("Albums")),
          button(t("Close"), { icon: icon("close"), class: "round", on: { click: () => this.dialog.close() } })),
        this.list, this.complaint, this.form));
    document.body.append(this.dialog);
  }

  /** What the visitor may do. */
  allow({ write, admin }) {
    this.form.hidden = !write;
    this.shares = admin;
    if (this.dialog.open) this.#fill(); // the page was opened here, and the list came before it was known who looks
  }

  async show() {
    const { query, wishes } = this.state;
    const searched = query.length > 0 || countWishes(wishes) > 0;
    this.saving.hidden = !searched || query.some((term) => term.image !== undefined);
    this.saved.checked = !this.saving.hidden;
    this.name.value = "";
    if (!this.dialog.open) this.dialog.showModal();
    this.list.inert = true; // what is shown from before goes at once, and with it a name that somebody began to write
    await this.#fill();
    this.list.inert = false;
  }

  async #fill() {
    await this.#attempt(async () => {
      const { albums } = await this.service.albums();
      this.list.replaceChildren(this.#favourites(), this.#duplicates(), ...albums.map((album) => this.#entry(album)));
    });
  }

  #favourites() {
    return element("li", { class: "album" },
      element("button", { type: "button", class: "album-open", on: { click: () => this.open({ favourite: "yes" }, "") } },
        element("span", { class: "album-cover" }, icon("heart")), element("span", { class: "album-name" }, t("Favourites"))));
  }

  #duplicates() {
    return element("li", { class: "album" },
      element("button", { type: "button", class: "album-open", on: { click: this.duplicates } },
        element("span", { class: "album-cover" }, icon("copy")), element("span", { class: "album-name" }, t("Duplicates"))));
  }

  #entry(album) {
    const words = album.query !== null;
    const cover = album.cover === null ? icon(words || album.filter ? "search" : "album")
      : element("img", { alt: "", src: `/v1/items/${album.cover}/thumbnail?side=160`, loading: "lazy" });
    const told = album.count === null ? t("search") : album.count.toLocaleString(locale);
    const wishes = words ? { filter: album.filter ?? "" } : { album: [album.name] };
    const act = (label, name, listener) => button(label, { icon: icon(name), class: "quiet", on: { click: listener } });
    return element("li", { class: "album" },
      element("button", { type: "button", class: "album-open", on: { click: () => this.open(wishes, album.query ?? "") } },
        element("span", { class: "album-cover" }, cover), element("span", { class: "album-name" }, album.name), element("span", { class: "count" }, told)),
      this.shares ? act(t("Share {name}", album), "share", () => this.share(album)) : null,
      this.form.hidden ? null : act(t("Rename {name}", album), "pencil", (event) => this.#rename(album, event.currentTarget.parentElement)),
      this.form.hidden ? null : act(t("Forget {name}", album), "bin", (event) => this.#forget(album, event.currentTarget.parentElement)));
  }

  #rename(album, entry) {
    const name = element("input", { type: "text", required: true, maxlength: 200, value: album.name, "aria-label": t("New name of {name}", album) });
    entry.replaceChildren(element("form", { class: "inline", on: { submit: (event) => {
      event.preventDefault();
      this.#change(() => this.service.changeAlbum(album.id, { name: name.value }));
    } } }, name, element("button", { class: "small" }, t("Rename"))));
    name.select();
  }

  /** A second click is the question. */
  #forget(album, entry) {
    entry.replaceChildren(element("span", { class: "album-name" }, t("Forget {name}? Its pictures stay.", album)),
      button(t("Forget"), { text: t("Forget"), class: "small", on: { click: () => this.#change(() => this.service.deleteAlbum(album.id)) } }),
      button(t("Keep"), { text: t("Keep"), class: "small", on: { click: () => this.#fill() } }));
    entry.querySelector("button").focus();
  }

  #create(event) {
    event.preventDefault();
    const saved = this.saved.checked && !this.saving.hidden;
    const search = saved ? { query: format(this.state.query) || null, filter: this.state.filter || null } : {};
    this.#change(() => this.service.createAlbum({ name: this.name.value, ...search }));
  }

  async #change(act) {
    const done = await this.#attempt(act);
    if (!done) return;
    this.name.value = "";
    await this.#fill();
  }

  async #attempt(act) {
    this.complaint.textContent = "";
    try {
      await act();
      return true;
    } catch (error) {
      this.complaint.textContent = error.message;
      return false;
    }
  }
}
