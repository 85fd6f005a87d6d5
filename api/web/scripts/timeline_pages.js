/** What is known of the timeline's pictures: fetched page by page where they are looked at, and forgotten far from there. */

import { STRETCH as PAGE } from "./fetching.js";

const KEPT = 60; // pages

export class TimelinePages {
  /** `fetch(offset, limit, signal)` gives hits; `arrived(start, end)` hears of pictures that are known now, `failed(error)` of none. */
  constructor(fetch, { arrived, failed }) {
    Object.assign(this, { fetch, arrived, failed });
    this.clear(0);
  }

  /** Pages from the one with picture `start` to the one with the picture before `end`, by number. */
  async load(start, end, signal) {
    const numbers = Array.from({ length: Math.floor((Math.max(end, 1) - 1) / PAGE) - Math.floor(start / PAGE) + 1 }, (_, place) => Math.floor(start / PAGE) + place);
    return new Map(await Promise.all(numbers.map(async (page) => [page, await this.fetch(page * PAGE, PAGE, signal)])));
  }

  /** Ids of the pictures from `start` to the one before `end`, of which those that are not known are asked for. */
  async ids(start, end, signal) {
    const known = (page) => this.pages.has(page);
    const numbers = Array.from({ length: Math.floor((end - 1) / PAGE) - Math.floor(start / PAGE) + 1 }, (_, place) => Math.floor(start / PAGE) + place);
    const found = new Map(numbers.filter(known).map((page) => [page, this.pages.get(page)]));
    for (const page of numbers.filter((one) => !known(one))) found.set(page, await this.fetch(page * PAGE, PAGE, signal));
    const first = numbers[0] * PAGE;
    return numbers.flatMap((page) => found.get(page)).slice(start - first, end - first).map(({ id }) => id);
  }

  /** Forget all; there are `total` pictures from now on, of which these pages are known. */
  clear(total, known = new Map()) {
    this.running?.abort();
    this.running = new AbortController();
    this.total = total;
    this.pages = new Map(); // by number, the latest used last
    this.asked = new Set();
    this.places = new Map(); // of items, by id
    for (const [page, hits] of known) this.#keep(page, hits);
  }

  /** The hit at this place, if it is known. */
  at(index) {
    return this.pages.get(Math.floor(index / PAGE))?.[index % PAGE];
  }

  /** All that are known, in order. */
  get hits() {
    return [...this.pages.keys()].sort((one, other) => one - other).flatMap((page) => this.pages.get(page));
  }

  placeOf(id) {
    return this.places.get(id);
  }

  /** Ask for the pictures from `start` to `end` that are not known. */
  want(start, end) {
    const last = Math.floor((Math.min(end, this.total) - 1) / PAGE);
    for (let page = Math.floor(Math.max(0, start) / PAGE); page <= last; page += 1) {
      const known = this.pages.get(page);
      if (known) {
        this.pages.delete(page);
        this.pages.set(page, known);
      } else if (!this.asked.has(page)) this.#ask(page);
    }
  }

  async #ask(page) {
    const { signal } = this.running;
    this.asked.add(page);
    try {
      const hits = await this.fetch(page * PAGE, PAGE, signal);
      if (signal.aborted) return;
      this.#keep(page, hits);
      this.#forget();
      this.arrived(page * PAGE, page * PAGE + hits.length);
    } catch (error) {
      if (!signal.aborted) this.failed(error);
    }
    this.asked.delete(page);
  }

  #keep(page, hits) {
    this.pages.set(page, hits);
    hits.forEach(({ id }, place) => this.places.set(id, page * PAGE + place));
  }

  #forget() {
    for (const [page, hits] of this.pages) {
      if (this.pages.size <= KEPT) return;
      this.pages.delete(page);
      for (const { id } of hits) this.places.delete(id);
    }
  }
}
