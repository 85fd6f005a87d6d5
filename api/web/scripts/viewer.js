/** One picture, large, with all that is known of it. */

import { Asking } from "./ask.js";
import { button, element, shown } from "./dom.js";
import { facts } from "./facts.js";
import { icon } from "./icons.js";
import { sideFor, thumbnail } from "./service.js";
import { description, fileName } from "./tile.js";
import { Why } from "./why.js";

export class Viewer {
  /**
   * `words()` are the query's; `neighbour(id, step)` the pictures beside; `similar(hit)` and `add(hit, weight)` go
   * on from this picture; `stepped(hit)` hears that another is shown, `closed(id)` that a person closed the viewer.
   */
  constructor(service, { words, neighbour, similar, add, stepped, closed }) {
    this.service = service;
    this.context = { words, neighbour, similar, add, stepped, closed };
    this.loading = null;
    this.hit = null; // what is shown, and null while nothing is
    this.#build();
  }

  /** Offer no more than the models here can do. */
  allow({ abilities = {} }) {
    this.why.allow(abilities.why);
    this.asking.allow(abilities.ask);
  }

  /** Show a hit; what the hit does not tell is fetched, which may be all but its id. */
  async show(hit) {
    if (this.hit?.id === hit.id) return;
    this.hit = hit;
    this.loading?.abort();
    this.loading = new AbortController();
    const { signal } = this.loading;
    this.body.replaceChildren();
    this.#gone(false);
    this.frame.replaceChildren();
    this.title.textContent = "";
    this.why.show(hit, this.context.words());
    this.asking.show(hit);
    if (hit.uri !== undefined) this.#picture(hit);
    this.neighbours();
    if (!this.dialog.open) this.dialog.showModal();
    try {
      const item = await this.service.item(hit.id, signal);
      if (hit.uri === undefined) this.#picture(Object.assign(hit, item));
      this.body.replaceChildren(...facts(item, hit.score));
    } catch (error) {
      if (signal.aborted) return;
      if (error.status === 404) this.#gone(true);
      this.body.replaceChildren(complaint(error, () => {
        this.hit = null;
        this.show(hit);
      }));
    }
  }

  /** Look anew whether there are pictures beside this one. */
  neighbours() {
    if (this.hit === null) return;
    this.previous.disabled = this.context.neighbour(this.hit.id, -1) === undefined;
    this.next.disabled = this.context.neighbour(this.hit.id, 1) === undefined;
  }

  step(by) {
    const beside = this.context.neighbour(this.hit.id, by);
    if (beside === undefined) return;
    this.show(beside);
    this.context.stepped(beside);
  }

  /** Close without saying so: the place that is shown has no viewer. */
  hide() {
    this.hit = null;
    this.dialog.close();
  }

  #picture(hit) {
    const shape = hit.width && hit.height ? { width: hit.width, height: hit.height } : {};
    this.small = element("img", { alt: "", class: "under", src: thumbnail(hit, 640), ...shape });
    this.large = element("img", { alt: description(hit), class: "over", src: thumbnail(hit, this.#side(hit)), ...shape });
    this.large.addEventListener("load", () => this.large.classList.add("there"));
    this.large.addEventListener("error", () => this.frame.append(element("p", { class: "unreadable" }, "The file of this picture cannot be read. It may have been moved, changed or deleted.")));
    this.frame.replaceChildren(this.small, this.large);
    this.frame.style.setProperty("--aspect", hit.width && hit.height ? `${hit.width} / ${hit.height}` : "1");
    this.original.href = `/v1/items/${hit.id}/original`;
    this.title.replaceChildren(shown(fileName(hit.uri)));
    this.dialog.setAttribute("aria-label", `Picture: ${shown(description(hit))}`);
  }

  /** As many pixels as the screen has for it. */
  #side(hit) {
    const aspect = hit.width && hit.height ? hit.width / hit.height : 1;
    const width = Math.min(innerWidth, innerHeight * aspect);
    return Math.max(1280, sideFor(Math.max(width, width / aspect) * (devicePixelRatio || 1), hit));
  }

  /** Whether only words are left of a picture. */
  #gone(is) {
    for (const part of [this.actions, this.why.panel, this.asking.panel]) part.hidden = is;
    if (is) {
      this.title.textContent = "No such picture";
      this.frame.replaceChildren();
      this.dialog.setAttribute("aria-label", "No such picture");
    }
  }

  #build() {
    const act = (label, name, listener) => button(label, { icon: icon(name), class: "round", on: { click: listener } });
    this.previous = act("Previous picture", "left", () => this.step(-1));
    this.next = act("Next picture", "right", () => this.step(1));
    this.previous.classList.add("previous");
    this.next.classList.add("next");
    this.frame = element("div", { class: "frame" });
    this.title = element("h2", {});
    this.body = element("div", { class: "facts" });
    this.asking = new Asking(this.service);
    this.why = new Why(this.service, this.frame);
    this.original = element("a", { target: "_blank", rel: "noopener", class: "text-action" }, icon("external"), "Original");
    const go = (listener) => () => {
      const { hit } = this;
      this.hide();
      listener(hit);
    };
    this.actions = element("div", { class: "actions" },
      button("Similar", { icon: icon("similar"), text: "Similar", class: "text-action", on: { click: go(this.context.similar) } }),
      button("More like this", { icon: icon("plus"), text: "More like this", class: "text-action", on: { click: go((hit) => this.context.add(hit, 1)) } }),
      button("Less like this", { icon: icon("minus"), text: "Less", class: "text-action", on: { click: go((hit) => this.context.add(hit, -1)) } }),
      this.original);
    this.dialog = element("dialog", { class: "viewer", id: "viewer" },
      element("div", { class: "stage" }, this.frame, this.previous, this.next),
      element("div", { class: "about", tabindex: 0, role: "region", "aria-label": "About the picture" },
        element("div", { class: "about-head" }, this.title, act("Close", "close", () => this.dialog.close())),
        this.actions, this.why.panel, this.asking.panel, this.body));
    this.dialog.addEventListener("close", () => {
      this.loading?.abort();
      const { hit } = this;
      this.hit = null;
      if (hit !== null) this.context.closed(hit.id);
    });
    this.dialog.addEventListener("click", (event) => {
      if (event.target.classList.contains("stage")) this.dialog.close();
    });
    this.dialog.addEventListener("keydown", (event) => {
      if (event.target.matches("input, textarea") || event.ctrlKey || event.metaKey || event.altKey) return;
      if (event.key === "ArrowLeft") this.step(-1);
      else if (event.key === "ArrowRight") this.step(1);
      else if (event.key === "s" && !this.actions.hidden) go(this.context.similar)();
      else if (event.key === "w" && !this.actions.hidden) this.why.toggle();
      else return;
      event.preventDefault();
    });
    document.body.append(this.dialog);
  }
}

/** Why nothing is told of a picture; with a way to try again where that may help. */
function complaint(error, again) {
  if (error.status === 404) return element("p", { role: "alert" }, "This picture is not in the library any more.");
  return element("div", { role: "alert" }, element("p", { class: "complaint" }, error.message), button("Try again", { class: "small", on: { click: again } }));
}
