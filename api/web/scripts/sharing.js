/** Sharing: links by which others see an album and nothing else, until a day. A search becomes an album first. */

import { command } from "./commands.js";
import { announce, button, element } from "./dom.js";
import { countWishes } from "./filter.js";
import { icon } from "./icons.js";
import { locale, n, t } from "./language.js";
import { format } from "./query.js";

const DAYS = 30; // until a link ends, if nobody says otherwise

export class Sharing {
  constructor(service, state) {
    Object.assign(this, { service, state });
    this.heading = element("h2", { id: "sharing-title" });
    this.content = element("div", { class: "sharing" });
    this.complaint = element("p", { class: "complaint", role: "alert" });
    this.dialog = element("dialog", { class: "dialog", id: "sharing", "aria-labelledby": "sharing-title" },
      element("div", { class: "sheet" },
        element("div", { class: "about-head" }, this.heading, button(t("Close"), { icon: icon("close"), class: "round", on: { click: () => this.dialog.close() } })),
        this.content, this.complaint));
    document.body.append(this.dialog);
  }

  /** The links to an album; what words find is to be frozen first. */
  async album(album) {
    if (album.query !== null) {
      this.search({ ...album, name: t("{name}, {day}", { name: album.name, day: dayOf(new Date()) }) });
      return;
    }
    this.#open(t("Share {name}", album));
    const lines = [t("Whoever has the link sees this album as it is at any time, can search and download its pictures, and sees nothing else."),
      album.count === null ? "" : n(album.count, "{n} picture", "{n} pictures")];
    const links = element("ul", { class: "links" });
    this.content.replaceChildren(...lines.filter(Boolean).map((line) => element("p", {}, line)), this.#form(album, links), links);
    await this.#attempt(() => this.#list(album, links));
  }

  /** What is searched for: the links to the album where it is one, else a search to be made one. */
  async searched() {
    const { query, wishes, filter } = this.state;
    const named = query.length === 0 && countWishes(wishes) === 1 && wishes.album.length === 1;
    const { albums } = named ? await this.service.albums().catch(() => ({ albums: [] })) : { albums: [] };
    const album = albums.find(({ name }) => name === wishes.album[0]);
    if (album) await this.album(album);
    else this.search({ query: format(query), filter });
  }

  /** A search that is no album yet: what words find well now, or what a filter accepts at any time. */
  search({ query, filter, name }) {
    this.#open(t("Share a search"));
    const told = query
      ? t("What matches well now becomes an album, of a thousand pictures at most, and that is shared. What comes later is not in it.")
      : t("The search is saved as an album, and that is shared. What it finds later is in it.");
    const field = element("input", { id: "sharing-name", type: "text", required: true, maxlength: 200, autocomplete: "off", value: name ?? query });
    this.content.replaceChildren(element("p", {}, told), element("form", { on: { submit: (event) => {
      event.preventDefault();
      const made = { name: field.value, query: query || null, filter: filter || null, ...(query ? { frozen: true } : {}) };
      this.#attempt(async () => this.album(await this.service.createAlbum(made)));
    } } }, element("label", { for: field.id }, t("New album")), element("div", { class: "inline" }, field, element("button", { class: "primary" }, t("Make")))));
    field.select();
  }

  #open(heading) {
    this.heading.textContent = heading;
    this.complaint.replaceChildren();
    this.content.replaceChildren();
    if (!this.dialog.open) this.dialog.showModal();
  }

  #form(album, links) {
    const [least, usual] = [1, DAYS].map((days) => isoDay(new Date(Date.now() + days * 86_400_000)));
    const until = element("input", { id: "sharing-until", type: "date", required: true, min: least, value: usual });
    const made = element("div", {});
    return element("form", { on: { submit: (event) => {
      event.preventDefault();
      this.#attempt(async () => {
        const { key } = await this.service.shareAlbum(album.id, new Date(`${until.value}T23:59:59`).toISOString());
        made.replaceChildren(element("p", {}, command(new URL(`./#key=${key}`, location.href).href)), element("p", { class: "aside" }, t("It is shown this once: copy it now.")));
        announce(t("The link is made"));
        await this.#list(album, links);
      });
    } } }, element("label", { for: until.id }, t("The link ends after")), element("div", { class: "inline" }, until, element("button", { class: "primary" }, t("Make a link"))), made);
  }

  async #list(album, links) {
    const { shares } = await this.service.albumShares(album.id);
    links.replaceChildren(...shares.map((share) => element("li", { class: "inline" }, element("span", { class: "link-told" }, told(share)),
      button(t("End"), { text: t("End"), class: "small", on: { click: () => this.#attempt(async () => {
        await this.service.endShare(album.id, share.id);
        await this.#list(album, links);
        announce(t("The link is ended"));
      }) } }))));
  }

  async #attempt(act) {
    this.complaint.replaceChildren();
    try {
      await act();
    } catch (error) {
      this.complaint.replaceChildren(error.message, ...(error.command ? [" ", command(error.command)] : []));
    }
  }
}

/** What is known of a link, whose key nobody knows any more but those who have it. */
function told({ created_at: made, expires_at: ends, last_used_at: used }) {
  const parts = [t("Link of {day}", { day: dayOf(made) }), ends && t("ends {day}", { day: dayOf(ends) }), used ? t("last used {day}", { day: dayOf(used) }) : t("not used yet")];
  return parts.filter(Boolean).join(" · ");
}

function dayOf(moment) {
  return new Date(moment).toLocaleDateString(locale, { dateStyle: "medium" });
}

/** A day of the reader's calendar, as a field for dates takes it. */
function isoDay(day) {
  return [day.getFullYear(), day.getMonth() + 1, day.getDate()].map((part) => String(part).padStart(2, "0")).join("-");
}
