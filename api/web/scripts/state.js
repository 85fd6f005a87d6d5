/** What is being looked for: the one value that all parts of the page read, and change through `change`. */

import { countWishes, filterText, noWishes } from "./filter.js";

export class State extends EventTarget {
  constructor() {
    super();
    this.terms = []; // as chips
    this.draft = []; // terms of what is being typed
    this.wishes = noWishes();
    this.rerank = false;
    this.collapse = false;
    this.good = false; // only what matches better than chance would
    this.scores = false;
    this.anything = false; // for this one search, also what does not
  }

  /** All terms of the query. */
  get query() {
    return [...this.terms, ...this.draft];
  }

  get filter() {
    return filterText(this.wishes);
  }

  /** Whether the page looks for nothing in particular. */
  get idle() {
    return this.query.length === 0 && countWishes(this.wishes) === 0;
  }

  /** Change some fields. `step` makes it a place that the browser's back button leads to. */
  change(fields, { step = true } = {}) {
    Object.assign(this, "anything" in fields ? fields : { ...fields, anything: false });
    this.dispatchEvent(new CustomEvent("change", { detail: { step, fields: Object.keys(fields) } }));
  }
}
