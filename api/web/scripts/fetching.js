/** What the service is asked for pictures, as the state has it: the timeline's months and pages, and pages of a search. */

import { memberFilter } from "./filter.js";
import { t } from "./language.js";
import { LOST, Problem } from "./problems.js";

export const PAGE = 40; // pictures that a search is asked for at once
export const STRETCH = 120; // and the timeline
export const DEEPEST = 10_000; // ranks that the service computes at most
const GOOD = 0.8; // a good match beats the best one of four in five unrelated queries
const MOST = 1000; // pictures in one answer
const RERANK = { top: 32, deadline_ms: 4000, weight: 0.5 };

export class Fetching {
  constructor(service, state) {
    Object.assign(this, { service, state, early: new Map() });
    this.ready = null; // no search is answered before this is resolved
  }

  /** Ask for what the page shows first. Each answer is kept for the one who asks for just that. */
  ahead() {
    if (this.state.query.some((term) => term.lost)) return;
    const first = this.#byDate ? this.#body(0, MOST, "date") : this.#body(0, PAGE);
    for (const [name, given] of this.state.query.length ? [["search", first]] : [["timeline", this.state.filter], ["browse", this.#stretch(0, STRETCH)]]) {
      const answer = this.service[name](given);
      answer.catch(() => {}); // whoever takes it hears
      this.early.set(`${name} ${JSON.stringify(given)}`, answer);
    }
  }

  #ask(name, given, signal) {
    const key = `${name} ${JSON.stringify(given)}`;
    const early = this.early.get(key);
    this.early.delete(key);
    return early ?? this.service[name](given, signal);
  }

  /** Whether a search is to leave out what does not match well. */
  get onlyGood() {
    return (this.state.good || this.state.dated) && !this.state.anything;
  }

  months(signal) {
    return this.#ask("timeline", this.state.filter, signal);
  }

  async browse(offset, limit, signal) {
    const { items } = await this.#ask("browse", this.#stretch(offset, limit), signal);
    return items;
  }

  /** The filter that accepts the pictures that a hit stands for. */
  async groupFilter(hit) {
    const { group } = this.state;
    if (group !== "stack") return memberFilter(group, hit.group);
    const { items } = await this.service.stack(hit.id);
    return `id in (${items.map(({ id }) => id).join(", ")})`;
  }

  /** A page of what is found; by date, all good matches that are put in order are one page. */
  async search(offset, limit, signal) {
    if (!this.#byDate) return this.#ranked(offset, limit, signal);
    const found = await this.#ranked(0, offset ? 1 : MOST, signal, "date");
    return offset ? { ...found, hits: [] } : found;
  }

  async #ranked(offset, limit, signal, order) {
    if (this.state.query.some((term) => term.lost)) throw new Problem(LOST, t("a picture of the search is not here"));
    const [found] = await Promise.all([this.#ask("search", this.#body(offset, limit, order), signal), this.ready]);
    return found;
  }

  get #byDate() {
    return this.state.dated && !this.state.anything;
  }

  #stretch(offset, limit) {
    return { filter: this.state.filter, limit, offset, order: "taken" };
  }

  #body(offset, limit, order) {
    const { state } = this;
    const terms = state.query.map(({ text, image, item, weight, quoted }) => ({ text, image, item, weight, quoted }));
    return {
      terms,
      more: state.more.length ? state.more : undefined,
      less: state.less.length ? state.less : undefined,
      filter: state.filter || undefined,
      as_words: state.words.length ? state.words : undefined,
      limit,
      offset,
      order,
      collapse: state.collapse,
      group_by: state.group || undefined,
      rerank: state.rerank ? RERANK : undefined,
      regions: state.regions || undefined,
      min_relevance: this.onlyGood ? GOOD : undefined,
      exclude_query_items: state.more.length + state.less.length === 0, // who finds a picture right wants to see it
      relevance: true,
    };
  }
}
