/** The search box: chips, the line that is typed into, and a way to choose a picture. */

import { Chips } from "./chips.js";
import { button, element, settled } from "./dom.js";
import { icon } from "./icons.js";
import { keepPicture } from "./keeping.js";
import { t } from "./language.js";
import { format, parse } from "./query.js";
import { remember } from "./recent.js";
import { pictureIn, termOf } from "./upload.js";

const TYPING = 250; // milliseconds without a key until what stands there is searched for

export class SearchBox {
  constructor(root, state, complain) {
    this.state = state;
    this.complain = complain;
    this.input = element("input", {
      id: "query",
      type: "text",
      enterkeyhint: "search",
      autocomplete: "off",
      autocapitalize: "none",
      spellcheck: "false",
      "aria-label": t("Search by words"),
      "aria-describedby": "query-help",
      placeholder: t("Describe a picture"),
    });
    const list = element("ul", { class: "chips", "aria-label": t("Terms of the search") });
    this.chips = new Chips(list, (terms, step) => state.change({ terms }, { step }));
    this.file = element("input", { type: "file", accept: "image/*", class: "unseen", tabindex: -1, "aria-label": t("Picture to search by") });
    this.clear = button(t("Clear the search"), { icon: icon("close"), class: "quiet", hidden: true, on: { click: () => this.empty() } });
    this.typed = settled(() => this.#draft(), TYPING);
    root.append(
      element("form", { class: "box", on: { submit: (event) => this.#submit(event) } },
        icon("search"),
        element("div", { class: "line" }, list, this.input),
        this.clear,
        button(t("Search by a picture"), { icon: icon("picture"), class: "quiet", on: { click: () => this.file.click() } }),
        this.file,
        element("span", { class: "unseen", id: "query-help" }, t("Enter makes a term. A minus between spaces leaves out, a number and a colon weigh: 2:boat - people"))),
    );
    this.#listen(root);
  }

  focus() {
    this.input.focus({ preventScroll: true }); // it is always in sight
    this.input.select();
  }

  /** Show the state's terms; what is being typed stays. */
  show() {
    this.chips.show(this.state.terms);
    if (this.state.draft.length === 0 && !this.typing) this.input.value = "";
    this.clear.hidden = this.state.query.length === 0;
    this.input.placeholder = this.state.terms.length ? t("Add to it") : t("Describe a picture");
  }

  /** Put words in the line in place of what is typed, and ask for nothing by that. */
  retype(words) {
    this.#reset();
    this.input.value = words;
  }

  /** Look for nothing. */
  empty() {
    this.#reset();
    this.state.change({ terms: [], draft: [] });
    this.input.focus();
  }

  /** Add a picture that the person gave. */
  async addPicture(file) {
    try {
      const term = await termOf(file);
      remember({ picture: keepPicture(term), name: term.name });
      this.state.change({ terms: [...this.state.terms, term] });
    } catch {
      this.complain(t("That picture cannot be read."));
    }
  }

  #listen(root) {
    this.input.addEventListener("input", () => {
      this.typing = true;
      this.typed();
    });
    this.input.addEventListener("keydown", (event) => {
      if (event.key === "Backspace" && this.input.value === "" && this.state.terms.length) {
        event.preventDefault();
        this.#takeBack();
      } else if (event.key === "Escape") {
        if (this.input.value) this.empty();
        else this.input.blur();
        event.stopPropagation();
      }
    });
    this.file.addEventListener("change", () => {
      const file = pictureIn(this.file);
      this.file.value = "";
      if (file) this.addPicture(file);
      else this.complain(t("That is no picture."));
    });
    root.addEventListener("click", (event) => {
      if (event.target.closest("button, input, li") === null) this.input.focus();
    });
  }

  #draft() {
    this.state.change({ draft: parse(this.input.value) }, { step: "draft" });
    this.typing = false;
  }

  #submit(event) {
    event.preventDefault();
    const terms = parse(this.input.value);
    if (this.input.value.trim() && terms.length === 0) {
      this.complain(t("An operator needs a term on its right: boat - people"));
      return;
    }
    this.#reset();
    this.state.change({ terms: [...this.state.terms, ...terms], draft: [] });
  }

  /** Backspace in an empty line: words become words again, pictures go. */
  #takeBack() {
    const terms = this.state.terms.slice(0, -1);
    const last = this.state.terms.at(-1);
    this.input.value = last.text === undefined ? "" : format([last]);
    this.state.change({ terms, draft: parse(this.input.value) });
  }

  #reset() {
    this.typed.cancel();
    this.typing = false;
    this.input.value = "";
  }
}
