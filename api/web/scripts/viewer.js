/** One picture, large, with all that is known of it. */

import { Asking } from "./asking.js";
import { button, element } from "./dom.js";
import { facts } from "./facts.js";
import { icon } from "./icons.js";
import { thumbnail } from "./service.js";
import { description, fileName } from "./tile.js";
import { Why } from "./why.js";

export class Viewer {
  /**
   * `words()` are the query's; `neighbour(id, step)` the pictures beside; `similar(hit)` and `add(hit, weight)` go
   * on from this picture; `left(id)` hears that the viewer was closed.
   */
  constructor(service, { words, neighbour, similar, add, left }) {
    this.service = service;
    this.context = { words, neighbour, similar, add, left };
    this.loading = null;
    this.#build();
  }

  get open() {
    return this.dialog.open;
  }

  /** Show a hit; what the hit does not tell is fetched. */
  async show(hit) {
    this.hit = hit;
    this.loading?.abort();
    this.loading = new AbortController();
    this.#picture(hit);
    this.title.textContent = fileName(hit.uri);
    this.dialog.setAttribute("aria-label", `Picture: ${description(hit)}`);
    this.body.replaceChildren();
    this.why.show(hit, this.context.words());
    this.asking.show(hit);
    this.previous.disabled = this.context.neighbour(hit.id, -1) === undefined;
    this.next.disabled = this.context.neighbour(hit.id, 1) === undefined;
    if (!this.dialog.open) this.dialog.showModal();
    try {
      this.body.replaceChildren(...facts(await this.service.item(hit.id, this.loading.signal), hit.score));
    } catch (error) {
      if (error.name !== "AbortError") this.body.replaceChildren(element("p", { class: "complaint", role: "alert" }, error.message));
    }
  }

  step(by) {
    const beside = this.context.neighbour(this.hit.id, by);
    if (beside !== undefined) this.show(beside);
  }

  close() {
    this.dialog.close();
  }

  #picture(hit) {
    const shape = hit.width && hit.height ? { width: hit.width, height: hit.height } : {};
    this.small = element("img", { alt: "", class: "under", src: thumbnail(hit, 640), ...shape });
    this.large = element("img", { alt: description(hit), class: "over", src: thumbnail(hit, 1280), ...shape });
    this.large.addEventListener("load", () => this.large.classList.add("there"));
    this.frame.replaceChildren(this.small, this.large);
    this.frame.style.setProperty("--aspect", hit.width && hit.height ? `${hit.width} / ${hit.height}` : "1");
    this.original.href = `/v1/items/${hit.id}/original`;
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
      this.close();
      listener(this.hit);
    };
    const actions = element("div", { class: "actions" },
      button("Similar", { icon: icon("similar"), text: "Similar", class: "text-action", on: { click: go(this.context.similar) } }),
      button("More like this", { icon: icon("plus"), text: "More like this", class: "text-action", on: { click: go((hit) => this.context.add(hit, 1)) } }),
      button("Less like this", { icon: icon("minus"), text: "Less", class: "text-action", on: { click: go((hit) => this.context.add(hit, -1)) } }),
      this.original);
    this.dialog = element("dialog", { class: "viewer", id: "viewer" },
      element("div", { class: "stage" }, this.frame, this.previous, this.next),
      element("div", { class: "about", tabindex: 0, role: "region", "aria-label": "About the picture" },
        element("div", { class: "about-head" }, this.title, act("Close", "close", () => this.close())),
        actions, this.why.panel, this.asking.panel, this.body));
    this.dialog.addEventListener("close", () => {
      this.loading?.abort();
      this.context.left(this.hit.id);
    });
    this.dialog.addEventListener("click", (event) => {
      if (event.target.classList.contains("stage")) this.close();
    });
    this.dialog.addEventListener("keydown", (event) => {
      if (event.target.matches("input, textarea")) return;
      if (event.key === "ArrowLeft") this.step(-1);
      else if (event.key === "ArrowRight") this.step(1);
      else if (event.key === "s") go(this.context.similar)();
      else if (event.key === "w") this.why.toggle();
      else return;
      event.preventDefault();
    });
    document.body.append(this.dialog);
  }
}
