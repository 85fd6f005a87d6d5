/**
 * Timeline (virtual scrolling): all pictures by when they were taken, month by month. The page is as high as all of
 * them from the beginning; in it are only those near the screen.
 */

import { element } from "./dom.js";
import { locale, t } from "./language.js";
import { Scrubber } from "./scrubber.js";
import { dress, sameTile, tile } from "./tile.js";
import { layOut, lineAt, lineOf, monthName, shapesOf } from "./timeline_layout.js";
import { TimelinePages } from "./timeline_pages.js";

const AROUND = 1; // screens above and below that are in the page
const AT_ONCE = 3; // lines out of view that one frame makes
const EAGER = 8; // pictures fetched at once, whatever is in view
const PAUSE = 90; // milliseconds: who drags through years is not sent every month
export class Timeline {
  /**
   * `months(signal)` gives {total, months}, `page(offset, limit, signal)` hits; `report(news)` hears what came, as of
   * `Results`.
   */
  constructor(root, { months, page, report, open, similar, chosen }) {
    this.root = root;
    this.months = months;
    this.report = report;
    this.actions = { open, similar, chosen };
    this.pages = new TimelinePages(page, { arrived: (start, end) => this.#arrived(start, end), failed: (error) => report({ kind: "failed", error, first: false }) });
    this.shown = new Map(); // elements by the number of their line
    this.lines = [];
    this.scrubber = new Scrubber((y) => scrollTo({ top: this.#origin() + y, behavior: "instant" }));
    root.after(this.scrubber.root);
    addEventListener("scroll", () => this.#soon(), { passive: true });
    addEventListener("resize", () => this.#soon(), { passive: true });
    new ResizeObserver(() => this.active && this.width !== root.clientWidth && this.#lay()).observe(root);
  }

  get active() {
    return !this.root.hidden;
  }

  get hits() {
    return this.pages.hits;
  }

  /** Begin anew; with `refresh`, what is shown stays until what takes its place is there. */
  async start({ refresh = false } = {}) {
    this.running?.abort();
    this.running = new AbortController();
    const { signal } = this.running;
    this.report({ kind: "searching", fresh: true });
    const numbers = [...this.shown.keys()];
    const [first, last] = refresh && numbers.length ? [Math.min(...numbers), Math.max(...numbers)] : [];
    try {
      const near = this.pages.load(this.lines[first]?.start ?? 0, this.lines[last]?.end ?? 1, signal);
      const [{ total, months }, ready] = await Promise.all([this.months(signal), near]);
      if (signal.aborted) return;
      this.report({ kind: "found", first: true, page: { hits: total ? [null] : [], total }, shown: total, ended: true });
      this.#become(total, months.map((month) => ({ ...month, shapes: shapesOf(month.shapes) })), ready);
      this.report({ kind: "more" });
    } catch (error) {
      if (signal.aborted) return;
      if (!refresh) this.clear();
      this.report({ kind: "failed", error, first: true, refresh });
    }
  }

  /** Ask once more for what failed. */
  again() {
    this.#render();
  }

  /** Show nothing. */
  clear() {
    this.running?.abort();
    if (this.active) this.#become(0, [], new Map());
  }

  /** The hit before (-1) or after (1) this one, as far as it is known; what lies near is asked for. */
  neighbour(id, step) {
    const place = this.pages.placeOf(id);
    if (place === undefined) return undefined;
    this.pages.want(place - 20, place + 21);
    return this.pages.at(place + step);
  }

  /** Ids from one picture to another, in order, whether they were looked at or not. */
  async between(id, other) {
    const [first, last] = [this.pages.placeOf(id), this.pages.placeOf(other)].sort((one, two) => one - two);
    return last === undefined ? [] : this.pages.ids(first, last + 1, this.running.signal);
  }

  find(id) {
    const place = this.pages.placeOf(id);
    return place === undefined ? undefined : this.pages.at(place);
  }

  /** Move the focus among the pictures: "left", "right", "up", "down". Without one, to the first in view. */
  move(direction) {
    const here = document.activeElement?.closest(".tile");
    const place = here && this.root.contains(here) ? this.pages.placeOf(Number(here.dataset.id)) : undefined;
    if (place === undefined) return this.#focus(this.lines[lineAt(this.lines, scrollY - this.#origin()) + 1]?.start);
    if (direction === "left" || direction === "right") return this.#focus(place + (direction === "left" ? -1 : 1));
    return this.#focus(this.#beyond(place, direction === "up" ? -1 : 1));
  }

  focusOn(id) {
    return this.#focus(this.pages.placeOf(id));
  }

  /** What is known of a picture has changed. */
  changed(item) {
    const hit = this.find(item.id);
    if (hit) Object.assign(hit, { tags: item.tags, attributes: item.attributes, captions: item.captions.map(({ text }) => text) });
    this.root.querySelector(`[data-id="${Number(item.id)}"]`)?.classList.toggle("favourite", item.attributes.favourite === true);
  }

  #become(total, months, ready) {
    this.root.hidden = total === 0;
    this.known = months;
    this.former = new Map([...this.root.querySelectorAll("[data-id]")].map((made) => [Number(made.dataset.id), made]));
    this.pages.clear(total, ready);
    this.focused = undefined;
    this.#lay();
    this.former.clear();
  }

  #origin() {
    return this.root.getBoundingClientRect().top + scrollY;
  }

  /** Lay all lines anew; the scrubber takes its room from them, if they need one. */
  #lay() {
    let { lines, height } = this.#measured();
    const scrubbed = height > 2 * innerHeight;
    if (scrubbed !== document.body.classList.contains("scrubbed")) {
      document.body.classList.toggle("scrubbed", scrubbed);
      ({ lines, height } = this.#measured());
    }
    this.lines = lines;
    this.root.replaceChildren();
    this.shown.clear();
    this.root.style.setProperty("height", `${height}px`);
    this.scrubber.show(scrubbed ? { months: this.known, lines, height } : null);
    this.#render();
  }

  #measured() {
    const style = getComputedStyle(this.root);
    this.width = this.root.clientWidth;
    this.gap = parseFloat(style.getPropertyValue("--gap"));
    const row = parseFloat(style.getPropertyValue("--row"));
    return layOut(this.known, { width: this.width, row, gap: this.gap });
  }

  #soon() {
    if (!this.active || this.awaited) return;
    this.awaited = requestAnimationFrame(() => {
      this.awaited = 0;
      this.#render();
    });
  }

  /** Put into the page what is near the screen, and take out what is not, but for what has the focus. */
  #render() {
    if (!this.active || !this.lines.length) return;
    const y = scrollY - this.#origin();
    const [first, last] = [lineAt(this.lines, y - AROUND * innerHeight), lineAt(this.lines, y + (1 + AROUND) * innerHeight)];
    const focus = document.activeElement;
    for (const [number, made] of this.shown) {
      if ((number < first || number > last) && !made.contains(focus)) {
        made.remove();
        this.shown.delete(number);
      }
    }
    const [top, bottom] = [lineAt(this.lines, y), lineAt(this.lines, y + innerHeight)];
    const jumped = Math.abs(y - this.y) > innerHeight; // and may be about to jump on
    let [after, more] = [null, jumped ? 0 : AT_ONCE];
    this.y = y;
    for (let number = last; number >= first; number -= 1) {
      const fresh = !this.shown.has(number);
      if (fresh && (number < top || number > bottom)) {
        if (more === 0) {
          this.#soon();
          continue;
        }
        more -= 1;
      }
      const made = this.shown.get(number) ?? this.#line(number);
      if (!made.isConnected) this.root.insertBefore(made, after);
      after = made;
    }
    this.scrubber.at(y, this.lines[lineAt(this.lines, y + 60)].month);
    clearTimeout(this.asking);
    const [start, end] = [this.lines[first].start, this.lines[last].end];
    this.asking = setTimeout(() => this.pages.want(start, end), this.pages.pages.size ? PAUSE : 0);
  }

  #line(number) {
    const { top, height, start, end, month } = this.lines[number];
    const style = { top: `${top}px`, height: `${height}px` };
    const made = start === end ? this.#heading(this.known[month], style) : this.#row(start, end, { month, height, style });
    this.shown.set(number, made);
    return made;
  }

  /** The pictures of a row; one band where none of them is known: who draws through years needs no more. */
  #row(start, end, { month, height, style }) {
    const places = Array.from({ length: end - start }, (_, place) => start + place);
    if (!places.some((place) => this.pages.at(place))) return element("div", { class: "lane awaited", style });
    return element("div", { class: "row lane", role: "list", style }, ...places.map((place) => this.#tile(place, month, height)));
  }

  #heading({ month, count, by_file: byFile }, style) {
    const aside = byFile ? `${count.toLocaleString(locale)}, ${byFile === count ? t("all by file date") : t("{n} by file date", { n: byFile })}` : count.toLocaleString(locale);
    return element("h2", { class: "lane month", style }, monthName(month), element("span", { class: "aside" }, aside));
  }

  #tile(index, month, height) {
    const hit = this.pages.at(index);
    const width = { width: `${this.#shape(index, month) * height}px` };
    if (!hit) return element("div", { class: "tile awaited", style: width, data: { place: index } });
    const fresh = tile(hit, { ...this.actions, eager: index < EAGER });
    const before = this.former?.get(hit.id);
    const made = sameTile(before, fresh) ? before : fresh;
    made.style.setProperty("width", width.width);
    dress(made, height);
    return made;
  }

  #shape(index, month) {
    const first = this.lines[this.#firstOf(month)].start;
    return this.known[month].shapes[index - first];
  }

  #firstOf(month) {
    this.firsts ??= new WeakMap();
    if (!this.firsts.has(this.lines)) this.firsts.set(this.lines, this.lines.reduce((found, line, number) => (line.start === line.end ? [...found, number] : found), []));
    return this.firsts.get(this.lines)[month];
  }

  /** Pictures are known now: put them where they were awaited. */
  #arrived(start, end) {
    for (const [number, made] of this.shown) {
      const line = this.lines[number];
      if (line.end <= start || line.start >= end) continue;
      if (made.classList.contains("awaited")) made.replaceWith(this.#line(number));
      else for (const awaited of made.querySelectorAll(".awaited")) {
        const index = Number(awaited.dataset.place);
        if (this.pages.at(index)) awaited.replaceWith(this.#tile(index, line.month, line.height));
      }
    }
    if (this.focused >= start && this.focused < end) this.#focus(this.focused);
    this.report({ kind: "more" });
  }

  /** The picture of the row above or below that lies closest to the middle of this one. */
  #beyond(place, step) {
    let number = lineOf(this.lines, place) + step;
    if (this.lines[number]?.start === this.lines[number]?.end) number += step; // a heading
    const line = this.lines[number];
    if (!line) return undefined;
    const middle = this.#middle(place);
    const places = Array.from({ length: line.end - line.start }, (_, at) => line.start + at);
    return places.sort((one, other) => Math.abs(this.#middle(one) - middle) - Math.abs(this.#middle(other) - middle))[0];
  }

  #middle(place) {
    const { start, height, month } = this.lines[lineOf(this.lines, place)];
    let left = 0;
    for (let index = start; index < place; index += 1) left += this.#shape(index, month) * height + this.gap;
    return left + (this.#shape(place, month) * height) / 2;
  }

  /** Give the focus to the picture at a place: as soon as it is known, if it is not yet. */
  #focus(place) {
    this.focused = undefined;
    if (!(place >= 0 && place < this.pages.total)) return false;
    const number = lineOf(this.lines, place);
    const { top, height } = this.lines[number];
    const y = this.#origin() + top;
    if (y < scrollY + 96) scrollTo({ top: y - 110, behavior: "instant" });
    else if (y + height > scrollY + innerHeight) scrollTo({ top: y + height - innerHeight + 12, behavior: "instant" });
    this.#render();
    const hit = this.pages.at(place);
    if (!hit) this.focused = place;
    this.shown.get(number)?.querySelector(`[data-id="${Number(hit?.id)}"] .tile-open`)?.focus({ preventScroll: true });
    return true;
  }
}
