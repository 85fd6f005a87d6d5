/**
 * The browser's history: each place is an address, and how far down one was in it.
 *
 * An entry's state is {name, over, y, shown}: the name of changes in a row that share it, whether it only covers the
 * entry before, and how far one had scrolled in how many pictures.
 */

import { addressOf } from "./address.js";
import { settled } from "./dom.js";

const MOMENT = 1000; // milliseconds: the browser has gone back by then, if there was anything to go back to

export class Places {
  /** `shown()` counts the pictures in the page; `arrive(mark)` hears that the history led to another entry. */
  constructor(state, { shown, arrive }) {
    this.state = state;
    this.shown = shown;
    history.scrollRestoration = "manual"; // the pictures to scroll to are not there yet
    const scrolled = settled(() => this.#note(), 200);
    addEventListener("scroll", scrolled, { passive: true });
    addEventListener("popstate", () => {
      scrolled.cancel(); // what was scrolled belongs to the entry that was left
      if (this.waiting === null) arrive(this.mark);
      else this.#left();
    });
    this.waiting = null; // while the browser goes back: the changes made meanwhile
  }

  /** How far down one was at this entry: {y, shown}. */
  get mark() {
    const { y = 0, shown = 0 } = history.state ?? {};
    return { y, shown };
  }

  /** Write the state into the history: `step` and `over` as `State.change` has them. */
  go(step, over) {
    if (this.waiting !== null) {
      this.waiting = { step: this.waiting.step || step, over: this.waiting.over || over };
      return;
    }
    const address = addressOf(this.state);
    const here = address === (location.search || location.pathname);
    const continued = typeof step === "string" && history.state?.name === step;
    if (here || !step || continued) {
      const name = step === true ? null : step || history.state?.name;
      history.replaceState({ ...history.state, name }, "", address);
      return;
    }
    this.#note();
    history.pushState({ name: step === true ? null : step, over, ...(over ? this.mark : {}) }, "", address);
  }

  /** Close what covers the page: back to what it covers, or, where one came by its address, to its own page. */
  leave(fields) {
    if (history.state?.over && this.waiting === null) {
      this.waiting = { step: false, over: false }; // going back takes the browser a moment
      history.back();
      setTimeout(() => this.#left(), MOMENT);
    }
    this.state.change(fields, { step: false });
  }

  #left() {
    if (this.waiting === null) return;
    const { step, over } = this.waiting;
    this.waiting = null;
    this.go(step, over);
  }

  #note() {
    history.replaceState({ ...history.state, y: Math.round(scrollY), shown: this.shown() }, "");
  }
}
