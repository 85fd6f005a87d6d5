/** Date scrubber: the timeline's years and months along the edge, as dense as pictures are; drawn through by hand or key. */

import { element } from "./dom.js";
import { t } from "./language.js";
import { monthName } from "./timeline_layout.js";

const SVG = "http://www.w3.org/2000/svg";
const LABELS = 22; // pixels between years at least
const BAR = 20; // pixels of the densest month

export class Scrubber {
  /** `go(y)` scrolls to a height of the timeline. */
  constructor(go) {
    this.go = go;
    this.bars = document.createElementNS(SVG, "path");
    const drawing = document.createElementNS(SVG, "svg");
    drawing.setAttribute("aria-hidden", "true");
    drawing.append(this.bars);
    this.years = element("div", { class: "scrubber-years", "aria-hidden": "true" });
    this.thumb = element("div", { class: "scrubber-thumb" });
    this.label = element("div", { class: "scrubber-label", "aria-hidden": "true" });
    this.root = element("div", { class: "scrubber", role: "slider", tabindex: 0, hidden: true, "aria-label": t("Date"), "aria-orientation": "vertical", "aria-valuemin": 0, "aria-valuemax": 100, "aria-valuenow": 0 },
      drawing, this.years, this.thumb, this.label);
    this.drawing = drawing;
    this.#listen();
  }

  /** Show {months, lines, height}; null for a timeline that needs none. */
  show(timeline) {
    this.timeline = timeline;
    this.root.hidden = timeline === null;
    if (timeline !== null) this.#draw(timeline);
  }

  /** The timeline is at this height, in this month. */
  at(y, month) {
    if (this.timeline === null || this.timeline === undefined) return;
    const share = Math.min(1, Math.max(0, y / (this.timeline.height - innerHeight)));
    const name = monthName(this.timeline.months[month].month);
    for (const part of [this.thumb, this.label]) part.style.setProperty("transform", `translateY(${(share * this.room).toFixed(1)}px)`); // no layout
    if (name !== this.name) this.label.textContent = name;
    this.name = name;
    this.root.setAttribute("aria-valuenow", Math.round(share * 100));
    this.root.setAttribute("aria-valuetext", name);
    if (this.y !== undefined && this.y !== y) this.#moving();
    this.y = y;
  }

  /** The label is seen while one goes through the years. */
  #moving() {
    this.root.classList.add("moving");
    clearTimeout(this.rest);
    this.rest = setTimeout(() => this.root.classList.remove("moving"), 900);
  }

  #draw({ months, lines, height }) {
    const room = (this.room = this.root.clientHeight);
    const tops = lines.filter(({ start, end }) => start === end).map(({ top }) => top);
    const most = Math.log1p(Math.max(...months.map(({ count }) => count)));
    let path = "";
    let lowest = -Infinity;
    const years = [];
    for (const [place, { month, count }] of months.entries()) {
      const y = (tops[place] / height) * room;
      path += `M${BAR} ${y.toFixed(1)}h${(-BAR * Math.log1p(count) / most).toFixed(1)}`;
      const year = month.slice(0, 4);
      if (year !== months[place - 1]?.month.slice(0, 4) && y - lowest >= LABELS) {
        years.push(element("span", { style: { top: `${y.toFixed(1)}px` } }, year));
        lowest = y;
      }
    }
    this.bars.setAttribute("d", path);
    this.years.replaceChildren(...years);
  }

  #listen() {
    const drag = (event) => {
      const { top, height } = this.root.getBoundingClientRect();
      const share = Math.min(1, Math.max(0, (event.clientY - top) / height));
      this.go(share * Math.max(0, this.timeline.height - innerHeight));
    };
    this.root.addEventListener("pointerdown", (event) => {
      this.root.setPointerCapture(event.pointerId);
      this.root.classList.add("dragged");
      drag(event);
    });
    this.root.addEventListener("pointermove", (event) => this.root.classList.contains("dragged") && drag(event));
    for (const ended of ["pointerup", "pointercancel"]) this.root.addEventListener(ended, () => this.root.classList.remove("dragged"));
    this.root.addEventListener("keydown", (event) => {
      const step = { ArrowUp: -1, ArrowDown: 1, PageUp: -12, PageDown: 12, Home: -Infinity, End: Infinity }[event.key];
      if (step === undefined) return;
      event.preventDefault();
      event.stopPropagation();
      this.#step(step);
    });
  }

  /** Go so many months on. */
  #step(months) {
    const { lines } = this.timeline;
    const headings = lines.filter(({ start, end }) => start === end);
    const here = headings.findIndex(({ month }) => monthName(this.timeline.months[month].month) === this.name);
    this.go(headings[Math.min(headings.length - 1, Math.max(0, here + months))].top);
  }
}
