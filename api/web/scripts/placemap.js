/** The map of places: where the pictures were taken. Drag, scroll or pinch; click what is there; a box drawn is a filter. */

import { announce, button, element, settled } from "./dom.js";
import { boxOf, filterText, placeOf } from "./filter.js";
import { icon } from "./icons.js";
import { locale, n, t } from "./language.js";
import { Pointers } from "./pointers.js";
import { around, countriesPath, gathered, WorldView } from "./world.js";

const SIDE = matchMedia("(max-width: 600px)").matches ? 44 : 52; // pixels of a small picture
const STEPS = { ArrowLeft: [1, 0], ArrowRight: [-1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };
const ALIKE = 0.0005; // degrees: pictures nearer to each other are of one place, however near one looks

export class PlaceMap {
  /** `open(hit)` shows a picture; `narrow(place)` hears of the box that the pictures are to be in, or "". */
  constructor(service, state, { open, narrow }) {
    Object.assign(this, { service, state, open, narrow });
    this.view = new WorldView();
    this.clusters = [];
    this.buttons = new Map(); // what stands on the map, by its item: a click must find what the pointer went down on
    this.#build();
    this.#listen();
  }

  async show() {
    this.dialog.showModal();
    this.#draw(false);
    this.#fit();
    this.plane.focus();
    this.world ??= this.service.world().then(countriesPath);
    this.world.then((path) => {
      this.path = path;
      this.#soon();
    }).catch((error) => {
      this.world = undefined;
      this.told.textContent = error.message;
    });
    await this.#begin();
  }

  /** Look at the box that is filtered by, or at all places there are. */
  async #begin() {
    this.beginning = true;
    const found = await this.#ask({}, 3);
    this.beginning = false;
    if (!found) return;
    const box = boxOf(this.state.wishes.place) ?? (found.places.length ? found.places.reduce(around) : null);
    this.empty.hidden = found.total > 0;
    if (box) this.view.fit(box);
    this.#soon();
    await this.#look();
  }

  async #look() {
    if (this.beginning) return;
    const found = await this.#ask(this.view.bounds(SIDE), this.view.zoom);
    if (!found) return;
    this.clusters = found.places;
    this.told.textContent = t("{n} of {total} pictures with a place", { n: found.inside, total: found.total });
    this.here.disabled = found.inside === 0;
    this.#soon();
  }

  /** Clusters of a part of the world; undefined where nothing came, or something else was asked for meanwhile. */
  async #ask(box, zoom) {
    this.asked?.abort();
    const { signal } = (this.asked = new AbortController());
    try {
      const found = await this.service.places({ ...box, zoom, filter: filterText(this.state.wishes, "place") }, signal);
      return signal.aborted ? undefined : found;
    } catch (error) {
      if (!signal.aborted) this.told.textContent = error.message;
      return undefined;
    }
  }

  #build() {
    this.canvas = element("canvas", { class: "world", "aria-hidden": "true" });
    this.context = this.canvas.getContext("2d");
    this.marks = element("div", { class: "place-marks", role: "group", "aria-label": t("Places") });
    this.frame = element("div", { class: "place-box", hidden: true });
    this.told = element("span", { class: "aside", role: "status" });
    this.drawing = button(t("Draw a box"), { text: t("Draw a box"), class: "pill", "aria-pressed": "false", on: { click: () => this.#draw(this.drawing.getAttribute("aria-pressed") === "false") } });
    this.here = button(t("Show these"), { text: t("Show these"), class: "primary", title: t("Only the pictures taken in what is seen of the map"), on: { click: () => this.#narrow(this.view.bounds()) } });
    this.whole = button(t("Everywhere"), { text: t("Everywhere"), on: { click: () => this.narrow("") } });
    this.empty = element("div", { class: "map-empty message", hidden: true }, element("h3", {}, t("No places")),
      element("p", {}, t("None of these pictures says where it was taken.")));
    const zoom = (label, name, factor) => button(label, { icon: icon(name), class: "round zoom", on: { click: () => this.#zoom(factor) } });
    this.plane = element("div", { class: "map-plane places", tabindex: 0, role: "application", "aria-label": t("Map of places"), "aria-describedby": "places-help" },
      this.canvas, this.frame, this.marks, this.empty);
    this.dialog = element("dialog", { class: "map", id: "places", "aria-labelledby": "places-title" },
      element("header", { class: "map-head" },
        element("h2", { id: "places-title" }, t("Places")), this.told, this.drawing, this.whole, this.here,
        zoom(t("Zoom out"), "minus", 1 / 2), zoom(t("Zoom in"), "plus", 2),
        button(t("Close"), { icon: icon("close"), class: "round", on: { click: () => this.dialog.close() } })),
      this.plane,
      element("p", { class: "unseen", id: "places-help" }, t("Arrow keys move the map, plus and minus zoom, Tab goes from place to place.")));
    document.body.append(this.dialog);
  }

  #listen() {
    const later = settled(() => this.#look(), 200);
    this.moved = () => {
      this.#soon();
      later();
    };
    new ResizeObserver(() => this.dialog.open && this.#fit()).observe(this.plane);
    this.dialog.addEventListener("close", () => this.asked?.abort());
    this.plane.addEventListener("wheel", (event) => {
      event.preventDefault();
      const { left, top } = this.plane.getBoundingClientRect();
      this.view.zoomAt(Math.exp(-event.deltaY / 300), event.clientX - left, event.clientY - top);
      this.moved();
    }, { passive: false });
    this.plane.addEventListener("keydown", (event) => this.#key(event));
    this.pointers = new Pointers(this.plane, {
      draws: (event) => event.shiftKey || this.drawing.getAttribute("aria-pressed") === "true",
      drew: (from, to) => this.#outline(this.view.between(from, to)),
      drawn: (from, to) => this.#narrow(this.view.between(from, to)),
      pan: (dx, dy) => this.view.pan(dx, dy),
      zoom: (factor, px, py) => this.view.zoomAt(factor, px, py),
      moved: this.moved,
    });
  }

  #key(event) {
    if (event.target !== this.plane) return;
    if (event.key in STEPS) this.view.pan(...STEPS[event.key].map((step) => (step * this.view.width) / 5));
    else if (event.key === "+" || event.key === "=") this.#zoom(2);
    else if (event.key === "-") this.#zoom(1 / 2);
    else return;
    event.preventDefault();
    this.moved();
  }

  #zoom(factor) {
    this.view.zoomAt(factor, this.view.width / 2, this.view.height / 2);
    this.moved();
  }

  /** Whether the next drag draws a box. */
  #draw(on) {
    this.drawing.setAttribute("aria-pressed", String(on));
    this.plane.classList.toggle("drawing", on);
    if (on) announce(t("Drag over the map"));
  }

  #narrow(box) {
    this.narrow(placeOf(box));
  }

  /** Nearer to a place; the pictures of one that cannot be told apart, and a picture alone, are shown. */
  async #enter(cluster) {
    const { south, west, north, east, count } = cluster;
    if (count === 1) this.open(await this.service.item(cluster.item));
    else if (north - south < ALIKE && east - west < ALIKE) this.#narrow({ south: south - ALIKE, west: west - ALIKE, north: north + ALIKE, east: east + ALIKE });
    else {
      this.view.fit(cluster);
      this.plane.focus();
      this.moved();
    }
  }

  #fit() {
    const { clientWidth: width, clientHeight: height } = this.plane;
    const density = devicePixelRatio || 1;
    this.canvas.width = width * density;
    this.canvas.height = height * density;
    this.density = density;
    this.view.resize(width, height);
    this.moved();
  }

  #soon() {
    this.painting ??= requestAnimationFrame(() => {
      this.painting = undefined;
      this.#paint();
      this.#mark();
      const box = boxOf(this.state.wishes.place);
      this.whole.hidden = !box;
      this.#outline(box);
    });
  }

  /** Draw the countries; the world once more beside itself where the window goes beyond its edge. */
  #paint() {
    const { context, view, density } = this;
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, this.canvas.width, this.canvas.height);
    if (!this.path) return;
    const { color, outlineColor } = getComputedStyle(this.canvas); // custom properties give what was written, colours what was meant
    Object.assign(context, { fillStyle: color, strokeStyle: outlineColor, lineJoin: "round" });
    for (const copy of [-1, 0, 1]) {
      const scale = view.scale * density;
      context.setTransform(scale, 0, 0, scale, (view.width / 2) * density + (copy - view.x) * scale, (view.height / 2) * density - view.y * scale);
      context.lineWidth = 0.8 / view.scale;
      context.fill(this.path);
      context.stroke(this.path);
    }
  }

  /** A button for each place, those that were there before in their new places. */
  #mark() {
    const shown = gathered(this.clusters, this.view, SIDE * 0.9).filter(({ px, py }) => px > -SIDE && py > -SIDE && px < this.view.width + SIDE && py < this.view.height + SIDE);
    const kept = new Set(shown.map(({ item }) => item));
    for (const [item, made] of this.buttons) {
      if (kept.has(item)) continue;
      made.remove();
      this.buttons.delete(item);
    }
    for (const cluster of shown) this.#show(cluster);
  }

  #show(cluster) {
    const { item, count, city, px, py } = cluster;
    const known = this.buttons.get(item);
    const mark = known ?? element("button", { type: "button", class: "place-mark" },
      element("img", { src: `/v1/items/${item}/thumbnail?side=160`, alt: "", width: SIDE, height: SIDE, draggable: "false" }), element("span", { class: "place-count" }));
    const told = [n(count, "{n} picture", "{n} pictures"), city].filter(Boolean).join(", ");
    mark.setAttribute("aria-label", told);
    mark.title = told;
    mark.style.setProperty("left", `${px}px`);
    mark.style.setProperty("top", `${py}px`);
    mark.onclick = () => this.#enter(cluster);
    mark.lastChild.textContent = count.toLocaleString(locale);
    mark.lastChild.hidden = count === 1;
    if (known) return;
    this.buttons.set(item, mark);
    this.marks.append(mark);
  }

  /** Show a box. */
  #outline(box) {
    this.frame.hidden = !box;
    if (!box) return;
    const [left, top] = this.view.pixels(box.west, box.north);
    const [right, bottom] = this.view.pixels(box.east, box.south);
    const wide = right < left ? right + this.view.scale : right;
    for (const [name, value] of Object.entries({ left, top, width: wide - left, height: bottom - top })) this.frame.style.setProperty(name, `${value}px`);
  }
}
