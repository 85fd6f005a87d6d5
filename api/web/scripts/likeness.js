/** The likeness map: alike pictures lie close together, wherever they were taken. Drag, scroll or pinch; hover to see, click to open. */

import { announce, button, element } from "./dom.js";
import { icon } from "./icons.js";
import { n, t } from "./language.js";
import { arrange, beside, closest, spread, View } from "./plane.js";
import { description } from "./tile.js";

const SIDE = matchMedia("(max-width: 600px)").matches ? 44 : 60; // pixels of a small picture
const STEPS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

export class LikenessMap {
  constructor(service, jobs, open) {
    this.service = service;
    this.jobs = jobs;
    this.openPicture = open;
    this.view = new View();
    this.points = [];
    this.shown = [];
    this.pictures = new Map();
    this.items = new Map();
    this.pointers = new Map();
    this.#build();
    this.#listen();
  }

  async show() {
    this.dialog.showModal();
    this.#fit();
    this.canvas.focus();
    await this.#load();
  }

  async #load() {
    try {
      const { points, items, current } = await this.service.map();
      this.points = spread(points);
      this.view.reset();
      const all = n(items, "{n} picture", "{n} pictures");
      const behind = current ? "" : t("; the library has changed since");
      this.told.textContent = points.length < items ? t("{n} of {items}{behind}", { n: points.length, items: all, behind }) : all + behind;
      this.redraw.textContent = t("Lay out anew");
      this.empty.hidden = true;
    } catch (error) {
      this.points = [];
      this.empty.hidden = false;
      this.complaint.textContent = error.status === 404 ? "" : error.message;
    }
    this.#draw();
  }

  async #make() {
    this.complaint.textContent = "";
    this.told.textContent = t("Laying out…");
    try {
      const job = await this.jobs.start({ kind: "map" });
      if (job.state === "done") return await this.#load();
      this.told.textContent = job.progress.error ?? t("It was not laid out.");
    } catch (error) {
      this.told.textContent = error.message;
    }
    return undefined;
  }

  #build() {
    this.canvas = element("canvas", { class: "map-canvas", tabindex: 0, role: "application", "aria-describedby": "likeness-help",
      "aria-label": t("Likeness map: alike pictures lie close together") });
    this.context = this.canvas.getContext("2d");
    this.told = element("span", { class: "aside", role: "status" });
    this.redraw = button(t("Lay it out"), { on: { click: () => this.#make() } });
    this.preview = element("figure", { class: "map-preview", hidden: true, "aria-hidden": "true" });
    this.complaint = element("p", { class: "complaint" });
    this.empty = element("div", { class: "map-empty message", hidden: true },
      element("h3", {}, t("Not laid out yet")),
      element("p", {}, t("The likeness map lays out the whole collection, so that alike pictures lie close together.")),
      this.complaint,
      button(t("Lay it out"), { class: "primary", on: { click: () => this.#make() } }));
    const zoom = (label, name, factor) => button(label, { icon: icon(name), class: "round zoom", on: { click: () => this.#zoom(factor) } });
    this.dialog = element("dialog", { class: "map", id: "likeness", "aria-labelledby": "likeness-title" },
      element("header", { class: "map-head" },
        element("h2", { id: "likeness-title" }, t("Likeness")), this.told, this.redraw,
        zoom(t("Zoom out"), "minus", 1 / 1.5), zoom(t("Zoom in"), "plus", 1.5),
        button(t("All of it"), { icon: icon("whole"), class: "round", on: { click: () => {
          this.view.reset();
          this.#draw();
        } } }),
        button(t("Close"), { icon: icon("close"), class: "round", on: { click: () => this.dialog.close() } })),
      element("div", { class: "map-plane" }, this.canvas, this.empty, this.preview),
      element("p", { class: "unseen", id: "likeness-help" }, t("Arrow keys go from picture to picture, Enter opens one, plus and minus zoom.")));
    document.body.append(this.dialog);
  }

  #listen() {
    new ResizeObserver(() => this.dialog.open && this.#fit()).observe(this.canvas.parentElement ?? this.canvas);
    this.canvas.addEventListener("wheel", (event) => {
      event.preventDefault();
      this.view.zoomAt(Math.exp(-event.deltaY / 300), event.offsetX, event.offsetY);
      this.#draw();
    }, { passive: false });
    this.canvas.addEventListener("pointerdown", (event) => {
      this.canvas.setPointerCapture(event.pointerId);
      this.pointers.set(event.pointerId, [event.offsetX, event.offsetY]);
      this.moved = 0;
    });
    this.canvas.addEventListener("pointermove", (event) => this.#move(event));
    for (const name of ["pointerup", "pointercancel"]) {
      this.canvas.addEventListener(name, (event) => {
        this.pointers.delete(event.pointerId);
        if (name === "pointerup" && this.moved < 6) this.#open(this.#at(event));
      });
    }
    this.canvas.addEventListener("pointerleave", () => this.#select(undefined));
    this.canvas.addEventListener("keydown", (event) => this.#key(event));
  }

  #move(event) {
    const before = this.pointers.get(event.pointerId);
    if (before === undefined) {
      this.#select(this.#at(event));
      return;
    }
    const now = [event.offsetX, event.offsetY];
    const other = [...this.pointers].find(([id]) => id !== event.pointerId)?.[1];
    if (other) {
      const apart = (one) => Math.hypot(one[0] - other[0], one[1] - other[1]) || 1;
      this.view.zoomAt(apart(now) / apart(before), (now[0] + other[0]) / 2, (now[1] + other[1]) / 2);
    } else {
      this.view.pan(now[0] - before[0], now[1] - before[1]);
    }
    this.moved += Math.hypot(now[0] - before[0], now[1] - before[1]);
    this.pointers.set(event.pointerId, now);
    this.#draw();
  }

  #key(event) {
    if (event.key in STEPS) {
      const middle = { px: this.view.width / 2, py: this.view.height / 2 };
      const next = this.selected === undefined
        ? closest(this.shown, middle.px, middle.py, Infinity)
        : beside(this.shown, this.#here(), STEPS[event.key]);
      if (next) this.#select(next, true);
    } else if (event.key === "Enter") this.#open(this.#here());
    else if (event.key === "+" || event.key === "=") this.#zoom(1.5);
    else if (event.key === "-") this.#zoom(1 / 1.5);
    else return;
    event.preventDefault();
  }

  #zoom(factor) {
    const here = this.#here() ?? { px: this.view.width / 2, py: this.view.height / 2 };
    this.view.zoomAt(factor, here.px, here.py);
    this.#draw();
  }

  #at(event) {
    return closest(this.shown, event.offsetX, event.offsetY, SIDE / 1.5);
  }

  #here() {
    return this.shown.find((point) => point.id === this.selected);
  }

  async #open(point) {
    if (point) this.openPicture(await this.#item(point.id));
  }

  async #select(point, aloud = false) {
    const id = point?.id;
    if (id === this.selected) return;
    this.selected = id;
    this.canvas.classList.toggle("pointing", id !== undefined);
    this.preview.hidden = true;
    this.#draw();
    if (id === undefined) return;
    const item = await this.#item(id).catch(() => null);
    if (item === null || this.selected !== id) return;
    const words = description(item);
    if (aloud) announce(words);
    const shape = item.width && item.height ? item.width / item.height : 1;
    this.preview.replaceChildren(
      element("img", { src: `/v1/items/${id}/thumbnail?side=320`, alt: "", width: 220, height: Math.round(220 / shape) }),
      element("figcaption", {}, words));
    this.preview.hidden = false;
    const { px, py } = this.#here() ?? point;
    const left = px > this.view.width / 2 ? px - 256 : px + 36;
    this.preview.style.left = `${Math.max(8, Math.min(left, this.view.width - 232))}px`;
    this.preview.style.top = `${Math.max(8, Math.min(py - 100, this.view.height - 220 / shape - 56))}px`;
  }

  async #item(id) {
    if (!this.items.has(id)) this.items.set(id, await this.service.item(id));
    return this.items.get(id);
  }

  #fit() {
    const { clientWidth: width, clientHeight: height } = this.canvas;
    const density = devicePixelRatio || 1;
    this.canvas.width = width * density;
    this.canvas.height = height * density;
    this.context.setTransform(density, 0, 0, density, 0, 0);
    this.view.resize(width, height);
    this.#draw();
  }

  #draw() {
    this.frame ??= requestAnimationFrame(() => {
      this.frame = undefined;
      this.#paint();
    });
  }

  #paint() {
    const { context, view } = this;
    this.shown = arrange(this.points, view, SIDE);
    this.colours = this.#colours();
    context.clearRect(0, 0, view.width, view.height);
    for (const { px, py, pictured } of this.shown) if (!pictured) this.#dot(px, py);
    for (const point of this.shown) if (point.pictured) this.#stamp(point);
    const here = this.#here();
    if (here) {
      this.#stamp(here);
      context.strokeStyle = this.colours.accent;
      context.lineWidth = 3;
      context.strokeRect(here.px - SIDE / 2 - 2, here.py - SIDE / 2 - 2, SIDE + 4, SIDE + 4);
    }
  }

  /** Colours as the canvas takes them: custom properties give what was written, colours what was meant. */
  #colours() {
    const read = (element, property) => getComputedStyle(element).getPropertyValue(property);
    return { ink: read(this.told, "color"), accent: read(this.canvas, "outline-color") };
  }

  /** A square cut from the middle of the small picture; a dot until it is there. */
  #stamp({ id, px, py }) {
    const { context } = this;
    const picture = this.#picture(id);
    if (!picture.complete || picture.naturalWidth === 0) {
      this.#dot(px, py);
      return;
    }
    const [left, top] = [px - SIDE / 2, py - SIDE / 2];
    context.save();
    context.beginPath();
    context.roundRect(left, top, SIDE, SIDE, 6);
    context.clip();
    const cut = Math.min(picture.naturalWidth, picture.naturalHeight);
    context.drawImage(picture, (picture.naturalWidth - cut) / 2, (picture.naturalHeight - cut) / 2, cut, cut, left, top, SIDE, SIDE);
    context.restore();
  }

  #dot(px, py) {
    this.context.fillStyle = this.colours.ink;
    this.context.beginPath();
    this.context.arc(px, py, 2.5, 0, 7);
    this.context.fill();
  }

  #picture(id) {
    let picture = this.pictures.get(id);
    if (picture === undefined) {
      picture = new Image();
      picture.src = `/v1/items/${id}/thumbnail?side=160`;
      picture.addEventListener("load", () => this.#draw());
      this.pictures.set(id, picture);
    }
    return picture;
  }
}
