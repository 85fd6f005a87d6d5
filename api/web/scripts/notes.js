/** Banners: lines above the pictures that people should know of, each until it is taken away. */

import { button, element } from "./dom.js";
import { icon } from "./icons.js";
import { withCommands } from "./commands.js";
import { t } from "./language.js";

export class Notes {
  constructor(root) {
    this.root = root;
    this.kinds = new Map();
    this.dismissed = new Set();
  }

  /** Show the lines of one kind in place of what that kind said before. Backticks mark commands. */
  show(kind, lines) {
    this.kinds.set(kind, lines);
    const shown = [...this.kinds.values()].flat().filter((line) => !this.dismissed.has(line));
    this.root.replaceChildren(...shown.map((line) => this.#line(line)));
    this.root.hidden = shown.length === 0;
  }

  #line(line) {
    const remove = button(t("Take this note away"), { icon: icon("close"), class: "wish-remove", on: { click: () => {
      this.dismissed.add(line);
      this.show("", []);
    } } });
    return element("li", { class: "note" }, element("p", {}, ...withCommands(line)), remove);
  }
}
