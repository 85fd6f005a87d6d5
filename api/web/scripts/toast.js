/** Toast: a line at the bottom that says what was done, with a way to take it back while it stands there. */

import { announce, button, element } from "./dom.js";
import { t } from "./language.js";

const STANDS = 8000; // milliseconds

export class Toast {
  constructor() {
    this.root = element("div", { class: "toast", hidden: true });
    this.gone = () => {};
  }

  /** Say words; `undo()` is offered, and `gone()` is called once it is not any more. */
  show(words, { undo, gone = () => {} } = {}) {
    this.settle();
    this.gone = gone;
    const back = undo && button(t("Undo"), { class: "link", text: t("Undo"), on: { click: () => {
      this.gone = () => {};
      this.#hide();
      undo();
    } } });
    this.root.replaceChildren(element("span", {}, words), ...(back ? [back] : []));
    (document.querySelector("dialog[open]") ?? document.body).append(this.root); // else a dialog would make it inert
    this.root.hidden = false;
    announce(undo ? t("{words}. It can be undone.", { words }) : words);
    this.timer = setTimeout(() => this.settle(), STANDS);
  }

  /** What was said can be taken back no more. */
  settle() {
    const { gone } = this;
    this.gone = () => {};
    this.#hide();
    gone();
  }

  #hide() {
    clearTimeout(this.timer);
    this.root.hidden = true;
  }
}
