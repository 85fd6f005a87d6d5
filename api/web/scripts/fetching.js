/** What the service is asked for pictures, as the state has it: the timeline's months and pages, and pages of a search. */

import { memberFilter } from "./filter.js";
import { t } from "./language.js";
import { LOST } from "./messages.js";
import { Problem } from "./problems.js";

export const DEEPEST = 10_000; // ranks that the service computes at most
const GOOD = 0.8; // a good match beats the best one of four in five unrelated queries
const MOST = 1000; // pictures in one answer
const RERANK = { top: 32, deadline_ms: 4000, weight: 0.5 };

export class Fetching {
  /** `ready()` resolves once a search may be asked for. */
  constructor(service, state, ready) {
    Object.assign(this, { service, state, ready });
  }

  /** Whether a search is to leave out what does not match well. */
  get onlyGood() {
    return (this.state.good || this.state.dated) && !this.state.anything;
  }

  months(signal) {
    return this.service.timeline(this.state.filter, signal);
  }

  async browse(offset, limit, signal) {
    const { items } = await this.service.browse({ filter: this.state.filter, limit, offset, order: "taken" }, signal);
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
    if (!this.state.dated || this.state.anything) return this.#ranked(offset, limit, signal);
    const found = await this.#ranked(0, offset ? 1 : MOST, signal, "date");
    return offset ? { ...found, hits: [] } : found;
  }

  async #ranked(offset, limit, signal, order) {
    const { state } = this;
    if (state.query.some((term) => term.lost)) throw new Problem(LOST, t("a picture of the search is not here"));
    await this.ready();
    const terms = state.query.map(({ text, image, item, weight, quoted }) => ({ text, image, item, weight, quoted }));
    return this.service.search({
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
    }, signal);
  }
}
