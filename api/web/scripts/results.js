/** Infinite scroll of the pictures found: asked for page by page as the person scrolls. */

import { element } from "./dom.js";
import { PAGE } from "./fetching.js";
import { isGood } from "./match.js";
import { Rows } from "./rows.js";
import { sameTile, tile } from "./tile.js";

const DEEP_PAGE = 240;
const MOST = 1000; // pictures in one answer
const FEW = 20; // pictures among which none is worth a fold
const EAGER = 8; // pictures fetched at once, whatever is in view
const FIRST = 16; // tiles that are made and asked for before the others are made

export class Results {
  /**
   * `folds()` tells whether what follows the good matches is kept back, if there are any; `fetchPage(offset, limit, signal)` gives {hits, total, …}; `deepest()` is the depth beyond which it gives none;
   * `report(news)` hears what came: {kind: "searching" | "found" | "failed", …}.
   */
  constructor(grid, foot, { fetchPage, deepest, folds, report, open, similar, chosen, unfold, thumbs }) {
    this.grid = grid;
    this.fetchPage = fetchPage;
    this.deepest = deepest;
    this.folds = folds;
    this.report = report;
    this.actions = { open, similar, chosen, unfold, thumbs };
    this.hits = [];
    this.running = null;
    this.sentinel = element("div", { class: "sentinel", "aria-hidden": "true" });
    foot.before(this.sentinel);
    this.watcher = new IntersectionObserver((seen) => seen.some((one) => one.isIntersecting) && this.more(), { rootMargin: "1200px" });
    this.watcher.observe(this.sentinel);
    this.rows = new Rows(grid);
  }

  /**
   * Begin anew; what is shown stays until the first page is there. `keep` goes on after what is shown, `shown` asks
   * for so many pictures at once, `refresh` keeps the tiles of those that were there before.
   */
  async start({ keep = false, shown = 0, refresh = false } = {}) {
    this.running?.abort();
    this.running = new AbortController();
    this.loading = false;
    this.ended = false;
    this.fresh = !keep;
    this.refresh = refresh;
    this.offset = keep ? this.hits.length : 0;
    this.wanted = Math.ceil(shown / PAGE) * PAGE;
    const { signal } = this.running;
    do await this.more();
    while (this.offset < this.wanted && !this.ended && !signal.aborted);
  }

  /** Ask once more for the page that failed. */
  again() {
    this.ended = false;
    return this.more();
  }

  /** Show nothing. */
  clear() {
    this.running?.abort();
    this.ended = true;
    this.hits = [];
    this.rows.replace([], true);
  }

  /** The next page, if there may be one and none is on its way. */
  async more() {
    if (this.loading || this.ended || this.running === null) return;
    const { signal } = this.running;
    this.loading = true;
    this.grid.setAttribute("aria-busy", "true");
    this.report({ kind: "searching", fresh: this.fresh });
    try {
      const limit = Math.min(Math.max(PAGE, this.wanted - this.offset, this.#next()), MOST, this.deepest() - this.offset);
      const page = await this.fetchPage(this.offset, limit, signal);
      if (signal.aborted) return; // another search began as this one's answer came
      await this.#show(page, limit, signal);
    } catch (error) {
      if (signal.aborted) return;
      this.ended = true;
      if (this.fresh && !this.refresh) this.clear();
      this.rows.append([], true);
      this.report({ kind: "failed", error, first: this.fresh, refresh: this.refresh });
    }
    this.loading = false;
    this.grid.removeAttribute("aria-busy");
    this.#lookAgain();
  }

  /** The deeper somebody goes, the more they get at once. */
  #next() {
    return this.fresh ? 0 : Math.min(DEEP_PAGE, Math.floor(this.offset / 2));
  }

  find(id) {
    return this.hits.find((hit) => hit.id === id);
  }

  /** Ids from one picture to another, in order. */
  async between(id, other) {
    const places = [id, other].map((one) => this.hits.findIndex((hit) => hit.id === one)).sort((one, two) => one - two);
    return places[0] < 0 ? [] : this.hits.slice(places[0], places[1] + 1).map((hit) => hit.id);
  }

  /** The hit before (-1) or after (1) this one; asks for more near the end. */
  neighbour(id, step) {
    const place = this.hits.findIndex((hit) => hit.id === id);
    if (place + 5 > this.hits.length) this.more();
    return place < 0 ? undefined : this.hits[place + step];
  }

  /** Move the focus among the pictures: "left", "right", "up", "down". */
  move(direction) {
    return this.#focus(this.rows.beside(direction));
  }

  /** What is known of a picture has changed. */
  changed(item) {
    const hit = this.find(item.id);
    if (hit) Object.assign(hit, { tags: item.tags, attributes: item.attributes, captions: item.captions.map(({ text }) => text) });
    this.grid.querySelector(`[data-id="${Number(item.id)}"]`)?.classList.toggle("favourite", item.attributes.favourite === true);
  }

  focusOn(id) {
    this.#focus(this.rows.of(id));
  }

  #focus(tile) {
    const target = tile?.querySelector(".tile-open");
    target?.focus({ preventScroll: true });
    target?.scrollIntoView({ block: "nearest" });
    return target !== undefined && target !== null;
  }

  async #show(page, limit, signal) {
    const first = this.fresh;
    const known = new Set(first ? [] : this.hits.map((hit) => hit.id));
    const found = page.hits.filter((hit) => !known.has(hit.id));
    const hits = this.#good(found, first, page.total);
    this.folded = hits.length < found.length;
    this.offset += limit;
    this.ended = this.folded || page.hits.length === 0 || this.offset >= Math.min(page.total, this.deepest());
    if (first) {
      const before = new Map(this.refresh ? this.rows.tiles.map((one) => [Number(one.dataset.id), one]) : []);
      this.hits = hits;
      const tiles = (from, to) => hits.slice(from, to).map((hit, place) => this.#tile(hit, from + place < EAGER, before.get(hit.id)));
      const now = this.refresh ? hits.length : FIRST;
      this.rows.replace(tiles(0, now), this.ended && hits.length <= now);
      if (hits.length > now) {
        await new Promise((done) => setTimeout(done));
        if (signal.aborted) return;
        this.rows.append(tiles(now), this.ended);
      }
    } else {
      this.hits.push(...hits);
      this.rows.append(hits.map((hit) => this.#tile(hit, false)), this.ended);
    }
    this.fresh = false;
    this.report({ kind: "found", first, page, shown: this.hits.length, ended: this.ended, folded: this.folded, good: this.hits.filter(isGood).length });
  }

  /** Hits down to the last good one; all of them where the first page has none, there are few, or nothing is folded. */
  #good(hits, first, total) {
    const last = hits.findLastIndex(isGood);
    if (first) this.unlike = last < 0;
    return this.folds() && !this.unlike && total > FEW ? hits.slice(0, last + 1) : hits;
  }

  #tile(hit, eager, before) {
    const made = tile(hit, { ...this.actions, eager });
    return sameTile(before, made) ? before : made;
  }

  /** The observer speaks up only when the sentinel comes into view, not while it stays there. */
  #lookAgain() {
    if (this.ended) return;
    this.watcher.unobserve(this.sentinel);
    this.watcher.observe(this.sentinel);
  }
}
