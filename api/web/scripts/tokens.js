/** Token field: a list of words, each with a way to take it away, and a line in which others are added. */

import { button, element } from "./dom.js";
import { icon } from "./icons.js";
import { t } from "./language.js";

let made = 0;

export class Tokens {
  /** `add(word)` and `remove(word)` are asked for; `known()` gives words to choose from, when somebody begins to type. */
  constructor(label, placeholder, { add, remove, known }) {
    made += 1;
    this.actions = { add, remove, known };
    this.list = element("ul", { class: "tags", "aria-label": label });
    this.choices = element("datalist", { id: `tokens-${made}` });
    this.input = element("input", { type: "text", id: `token-${made}`, list: this.choices.id, placeholder, maxlength: 200, autocomplete: "off", "aria-label": placeholder });
    this.form = element("form", { on: { submit: (event) => this.#submit(event) } }, this.input, element("button", { class: "small" }, t("Add")), this.choices);
    this.input.addEventListener("focus", () => this.#suggest());
    this.panel = element("section", { class: "tokens" }, element("h3", {}, label), this.list, this.form);
  }

  /** Show these words. */
  show(words) {
    this.words = words;
    this.list.replaceChildren(...words.map((word) => element("li", {}, word,
      button(t("Remove {name}", { name: word }), { icon: icon("close"), class: "wish-remove", on: { click: () => this.actions.remove(word) } }))));
    this.list.hidden = words.length === 0;
  }

  #submit(event) {
    event.preventDefault();
    const word = this.input.value.trim();
    this.input.value = "";
    if (word && !this.words.includes(word)) this.actions.add(word);
  }

  async #suggest() {
    const known = await this.actions.known().catch(() => []);
    this.choices.replaceChildren(...known.filter((word) => !this.words.includes(word)).map((word) => element("option", { value: word })));
  }
}
