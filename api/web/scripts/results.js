/** The pictures found: asked for page by page as the person scrolls. */

import { element } from "./dom.js";
import { tile } from "./tile.js";

const PAGE = 40;
const EAGER = 8; // pictures fetched at once, whatever is in view
const DEEPEST = 9000; // the service's last offset

export class Results {
  /**
   * `fetchPage(offset, limit, signal)` gives {hits, total, …}; `report(news)` hears what came:
   * {kind: "searching" | "found" | "failed", …}.
   */
  constructor(grid, foot, { fetchPage, report, open, similar }) {
    this.grid = grid;
    this.fetchPage = fetchPage;
    this.report = report;
    this.actions = { open, similar };
    this.hits = [];
    this.running = null;
    this.sentinel = element("div", { class: "sentinel", "aria-hidden": "true" });
    foot.before(this.sentinel);
    this.watcher = new IntersectionObserver((seen) => seen.some((one) => one.isIntersecting) && this.more(), { rootMargin: "1200px" });
    this.watcher.observe(this.sentinel);
  }

  /** Begin anew; what is shown stays until the first page is there. `keep` goes on after what is shown. */
  async start({ keep = false } = {}) {
    this.running?.abort();
    this.running = new AbortController();
    this.loading = false;
    this.ended = false;
    this.fresh = !keep;
    this.offset = keep ? this.hits.length : 0;
    await this.more();
  }

  /** Show nothing. */
  clear() {
    this.running?.abort();
    this.ended = true;
    this.hits = [];
    this.grid.replaceChildren();
  }

  /** The next page, if there may be one and none is on its way. */
  async more() {
    if (this.loading || this.ended || this.running === null) return;
    const { signal } = this.running;
    this.loading = true;
    this.grid.setAttribute("aria-busy", "true");
    this.report({ kind: "searching", fresh: this.fresh });
    try {
      this.#show(await this.fetchPage(this.offset, PAGE, signal));
    } catch (error) {
      if (signal.aborted) return;
      this.ended = true;
      if (this.fresh) this.clear();
      this.report({ kind: "failed", error });
    }
    this.loading = false;
    this.grid.removeAttribute("aria-busy");
    this.#lookAgain();
  }

  /** The hit before (-1) or after (1) this one; asks for more near the end. */
  neighbour(id, step) {
    const place = this.hits.findIndex((hit) => hit.id === id);
    if (place + 5 > this.hits.length) this.more();
    return place < 0 ? undefined : this.hits[place + step];
  }

  /** Move the focus among the pictures: "left", "right", "up", "down". */
  move(direction) {
    const tiles = [...this.grid.querySelectorAll(".tile-open")];
    const place = tiles.indexOf(document.activeElement);
    if (place < 0) return this.#focus(tiles.find((one) => one.getBoundingClientRect().bottom > 0));
    if (direction === "left" || direction === "right") return this.#focus(tiles[place + (direction === "left" ? -1 : 1)]);
    return this.#focus(nearest(tiles, place, direction === "down"));
  }

  focusOn(id) {
    this.#focus(this.grid.querySelector(`[data-id="${Number(id)}"] .tile-open`));
  }

  #focus(target) {
    target?.focus({ preventScroll: true });
    target?.scrollIntoView({ block: "nearest" });
    return target !== undefined && target !== null;
  }

  #show(page) {
    const known = new Set(this.fresh ? [] : this.hits.map((hit) => hit.id));
    const hits = page.hits.filter((hit) => !known.has(hit.id));
    const tiles = hits.map((hit, place) => tile(hit, { ...this.actions, eager: this.fresh && place < EAGER }));
    if (this.fresh) {
      this.hits = hits;
      this.grid.replaceChildren(...tiles);
    } else {
      this.hits.push(...hits);
      this.grid.append(...tiles);
    }
    this.offset += PAGE;
    this.ended = page.hits.length < PAGE || this.offset > DEEPEST;
    const first = this.fresh;
    this.fresh = false;
    this.report({ kind: "found", first, page, shown: this.hits.length, ended: this.ended });
  }

  /** The observer speaks up only when the sentinel comes into view, not while it stays there. */
  #lookAgain() {
    if (this.ended) return;
    this.watcher.unobserve(this.sentinel);
    this.watcher.observe(this.sentinel);
  }
}

/** The tile of the next row that lies closest to the middle of this one. */
function nearest(tiles, place, down) {
  const here = tiles[place].getBoundingClientRect();
  const middle = (here.left + here.right) / 2;
  const beyond = (box) => (down ? box.top > here.top + 4 : box.top < here.top - 4);
  const boxes = tiles.map((one) => [one, one.getBoundingClientRect()]).filter(([, box]) => beyond(box));
  const tops = boxes.map(([, box]) => box.top);
  const row = down ? Math.min(...tops) : Math.max(...tops);
  const distance = ([, box]) => Math.abs((box.left + box.right) / 2 - middle);
  return boxes.filter(([, box]) => Math.abs(box.top - row) < 4).sort((one, other) => distance(one) - distance(other))[0]?.[0];
}
