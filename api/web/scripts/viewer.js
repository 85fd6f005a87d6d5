/** One picture, large, with all that is known of it. */

import { Annotations } from "./annotations.js";
import { Asking } from "./ask.js";
import { button, element, shown } from "./dom.js";
import { facts } from "./facts.js";
import { icon } from "./icons.js";
import { t } from "./language.js";
import { sideFor, thumbnail } from "./service.js";
import { Slideshow } from "./slideshow.js";
import { textLayer } from "./textlayer.js";
import { description, fileName } from "./tile.js";
import { Why } from "./why.js";
import { Zoom } from "./zoom.js";

export class Viewer {
  /**
   * `words()` are the query's; `neighbour(id, step)` the pictures beside; `similar(hit)` and `add(hit, weight)` go
   * on from this picture; `stepped(hit)` hears that another is shown, `closed(id)` that a person closed the viewer,
   * `changed(item)` that something else is said of a picture; `day(item)` shows what was taken that day.
   */
  constructor(service, context) {
    this.service = service;
    this.context = context;
    this.loading = null;
    this.hit = null; // what is shown, and null while nothing is
    this.#build();
  }

  /** Offer no more than the models here can do. */
  allow({ abilities = {} }) {
    this.why.allow(abilities.why);
    this.asking.allow(abilities.ask);
  }

  /** What the visitor may do. */
  permit(rights) {
    this.annotations.allow(rights);
    if (this.item) this.#tell(this.item);
  }

  /** Show a hit; what the hit does not tell is fetched, which may be all but its id. */
  async show(hit) {
    if (this.hit?.id === hit.id) return;
    this.hit = hit;
    this.loading?.abort();
    this.loading = new AbortController();
    const { signal } = this.loading;
    this.item = null;
    this.body.replaceChildren();
    this.annotations.show(null);
    this.#gone(false);
    this.frame.replaceChildren();
    this.title.textContent = "";
    this.judging.replaceChildren(...this.context.thumbs(hit));
    this.why.show(hit, this.context.words());
    this.asking.show(hit);
    if (hit.uri !== undefined) this.#picture(hit);
    this.neighbours();
    if (!this.dialog.open) this.dialog.showModal();
    try {
      const item = await this.service.item(hit.id, signal);
      if (hit.uri === undefined) this.#picture(Object.assign(hit, item));
      this.#tell(item);
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
    const beside = this.hit && this.context.neighbour(this.hit.id, by);
    if (!beside) return false;
    this.show(beside);
    this.context.stepped(beside);
    return true;
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
    this.large.addEventListener("load", () => {
      this.large.classList.add("there");
      this.#preload();
    });
    this.large.addEventListener("error", () => this.frame.append(element("p", { class: "unreadable" }, t("The file of this picture cannot be read. It may have been moved, changed or deleted."))));
    this.frame.replaceChildren(this.small, this.large);
    this.zoom.reset(hit.width ?? 0);
    this.frame.style.setProperty("--aspect", hit.width && hit.height ? `${hit.width} / ${hit.height}` : "1");
    this.original.href = `/v1/items/${hit.id}/original`;
    this.title.replaceChildren(shown(fileName(hit.uri)));
    this.dialog.setAttribute("aria-label", t("Picture: {name}", { name: shown(description(hit)) }));
  }

  /** Have the next picture at hand. */
  #preload() {
    const next = this.hit && this.context.neighbour(this.hit.id, 1);
    if (next?.thumbnail) new Image().src = thumbnail(next, this.#side(next));
  }

  /** The original in place of the large picture, for those who look closer. */
  #closer() {
    const { hit, large } = this;
    if (!hit?.thumbnail || large.dataset.original) return;
    large.dataset.original = "1";
    const whole = new Image();
    whole.addEventListener("load", () => (large.src = whole.src));
    whole.src = `/v1/items/${hit.id}/original?v=${hit.content_hash ?? ""}`;
  }

  /** Tell what is known of the picture. */
  #tell(item) {
    this.item = item;
    this.that.hidden = !/^\d{4}-\d\d-\d\d/.test(item.attributes.taken ?? "");
    this.annotations.show(item);
    this.body.replaceChildren(...facts(item, this.hit, this.annotations.writable));
    this.frame.querySelector(".text-layer")?.remove();
    this.frame.append(textLayer(item) ?? "");
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
      this.title.textContent = t("No such picture");
      this.frame.replaceChildren();
      this.dialog.setAttribute("aria-label", t("No such picture"));
    }
  }

  #build() {
    const act = (label, name, listener) => button(label, { icon: icon(name), class: "round", on: { click: listener } });
    this.previous = act(t("Previous picture"), "left", () => this.step(-1));
    this.next = act(t("Next picture"), "right", () => this.step(1));
    this.previous.classList.add("previous");
    this.next.classList.add("next");
    this.frame = element("div", { class: "frame" });
    this.stage = element("div", { class: "stage", tabindex: -1, autofocus: true }); // keys are for the picture, not for its first button
    this.zoom = new Zoom(this.stage, this.frame, { closer: () => this.#closer() });
    this.slideshow = new Slideshow(this.stage, () => this.step(1));
    this.stage.append(this.frame, this.previous, this.next, element("div", { class: "stage-tools" },
      act(t("Enlarge"), "zoom", () => this.zoom.toggle()), this.slideshow.button, this.slideshow.whole));
    this.title = element("h2", {});
    this.body = element("div", { class: "facts" });
    this.annotations = new Annotations(this.service, { changed: (item) => {
      this.context.changed(item);
      if (this.hit?.id === item.id) this.body.replaceChildren(...facts(item, this.hit, true));
    } });
    this.asking = new Asking(this.service);
    this.why = new Why(this.service, this.frame);
    this.original = element("a", { target: "_blank", rel: "noopener", class: "text-action" }, icon("external"), t("Original"));
    const go = (listener) => () => {
      const { hit } = this;
      this.hide();
      listener(hit);
    };
    this.that = button(t("That day"), { icon: icon("calendar"), text: t("That day"), class: "text-action", hidden: true, on: { click: () => {
      const { item } = this;
      this.hide();
      this.context.day(item);
    } } });
    this.judging = element("span", { class: "judging" });
    this.actions = element("div", { class: "actions" },
      button(t("Similar"), { icon: icon("similar"), text: t("Similar"), class: "text-action", on: { click: go(this.context.similar) } }),
      button(t("More like this"), { icon: icon("plus"), text: t("More like this"), class: "text-action", on: { click: go((hit) => this.context.add(hit, 1)) } }),
      button(t("Less like this"), { icon: icon("minus"), text: t("Less"), class: "text-action", on: { click: go((hit) => this.context.add(hit, -1)) } }),
      this.that, this.original, this.judging);
    this.dialog = element("dialog", { class: "viewer", id: "viewer" },
      this.stage,
      element("div", { class: "about", tabindex: 0, role: "region", "aria-label": t("About the picture") },
        element("div", { class: "about-head" }, this.title, act(t("Close"), "close", () => this.dialog.close())),
        this.actions, this.annotations.panel, this.why.panel, this.asking.panel, this.body));
    this.dialog.addEventListener("close", () => {
      this.loading?.abort();
      this.slideshow.stop();
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
      else if (event.key === "z") this.zoom.toggle();
      else if (event.key === "+") this.zoom.in();
      else if (event.key === "-") this.zoom.out();
      else if (event.key === " " && !event.target.matches("button")) this.slideshow.toggle();
      else if (event.key === "s" && !this.actions.hidden) go(this.context.similar)();
      else if (event.key === "f" && !this.actions.hidden) this.annotations.favourite();
      else if (/^[0-5]$/.test(event.key) && !this.actions.hidden) this.annotations.rate(Number(event.key));
      else if (event.key === "w" && !this.actions.hidden) this.why.toggle();
      else return;
      event.preventDefault();
    });
    document.body.append(this.dialog);
  }
}

/** Why nothing is told of a picture; with a way to try again where that may help. */
function complaint(error, again) {
  if (error.status === 404) return element("p", { role: "alert" }, t("This picture is not in the library any more."));
  return element("div", { role: "alert" }, element("p", { class: "complaint" }, error.message), button(t("Try again"), { class: "small", on: { click: again } }));
}
