/** Page state: what is being looked for and looked at, the one value that all parts of the page read, and change through `change`. */

import { countWishes, filterText, noWishes } from "./filter.js";

export class State extends EventTarget {
  constructor() {
    super();
    this.terms = []; // as chips
    this.draft = []; // terms of what is being typed
    this.asWords = []; // stretches of the query that are searched for and not understood
    this.wishes = noWishes();
    this.more = []; // pictures that those found should be more like, by thumbs
    this.less = [];
    this.rerank = false;
    this.regions = false; // also look into parts of pictures
    this.collapse = false;
    this.group = ""; // of which one picture each is shown: "stack", or the name of an attribute
    this.dated = false; // the good matches by when they were taken, and not the best first
    this.good = false; // only what matches better than chance would
    this.scores = false;
    this.anything = false; // for this one search, also what does not
    this.picture = null; // the item in the viewer
    this.view = ""; // what else lies open: "places", "likeness", "duplicates", "albums", "filters", "work", "help"
  }

  /** All terms of the query. */
  get query() {
    return [...this.terms, ...this.draft];
  }

  /** Those of the stretches taken back that are still in the query. */
  get words() {
    return this.asWords.filter((words) => this.says(words));
  }

  /** Whether the query has these words; one filter may be read from several stretches, with commas between. */
  says(words) {
    const typed = this.query.map(({ text = "" }) => text.toLowerCase()).join("\n");
    return words.split(", ").every((part) => typed.includes(part.toLowerCase()));
  }

  get filter() {
    return filterText(this.wishes);
  }

  /** Whether the page looks for nothing in particular. */
  get idle() {
    return this.query.length === 0 && countWishes(this.wishes) === 0;
  }

  /**
   * Change some fields. `step` makes it a place that the browser's back button leads to: true, false, or a name that
   * makes one place of all changes in a row that have it (letters typed, a slider moved). `over` marks a place that
   * only covers the one before, so that closing it goes back.
   */
  change(fields, { step = true, over = false } = {}) {
    if ("terms" in fields || "draft" in fields) fields = { more: [], less: [], ...fields }; // thumbs are about a query
    const looks = Object.keys(fields).every((name) => LOOKS.has(name));
    Object.assign(this, looks || "anything" in fields ? fields : { ...fields, anything: false });
    this.dispatchEvent(new CustomEvent("change", { detail: { step, over, looks } }));
  }
}

const LOOKS = new Set(["scores", "picture", "view"]); // fields that no search depends on
