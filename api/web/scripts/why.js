/** Why it matched: where in the picture the query's words are seen, as a heat map over it. */

import { lacking, withCommands } from "./commands.js";
import { element } from "./dom.js";
import { t } from "./language.js";

export class Why {
  constructor(service, frame) {
    this.service = service;
    this.frame = frame;
    this.input = element("input", { id: "why-words", type: "text", required: true, maxlength: 1000, autocomplete: "off", placeholder: t("red boat") });
    this.toggler = element("button", { class: "small", "aria-pressed": "false" }, t("Show where"));
    this.strength = element("input", { id: "why-strength", type: "range", min: 0, max: 1, step: 0.05, value: 0.75 });
    this.strength.addEventListener("input", () => this.#fade());
    this.slider = element("div", { class: "strength", hidden: true }, element("label", { for: "why-strength" }, t("Strength")), this.strength);
    this.told = element("p", { class: "complaint", role: "alert" });
    this.absent = element("p", { class: "aside", hidden: true });
    this.able = element("div", {}, element("form", { on: { submit: (event) => {
        event.preventDefault();
        this.toggle();
      } } }, this.input, this.toggler), this.slider, this.told);
    this.panel = element("section", { class: "why" },
      element("h3", {}, element("label", { for: "why-words" }, t("Why it matched"))), this.able, this.absent);
    this.input.addEventListener("input", () => this.#remove());
  }

  /** Whether there is a model to look. */
  allow({ here = true, model, command } = {}) {
    this.able.hidden = !here;
    this.absent.hidden = here;
    this.absent.replaceChildren(...withCommands(here ? "" : lacking(t("Showing where needs the model {model}, which is not on the service's machine", { model }), command)));
  }

  /** Begin anew with this picture and these words. */
  show(hit, words) {
    this.hit = hit;
    this.input.value = words;
    this.#remove();
  }

  /** Show the heat map, or take it away. */
  async toggle() {
    if (this.able.hidden) return;
    if (this.heat) {
      this.#remove();
      return;
    }
    const words = this.input.value.trim();
    if (!words) {
      this.input.focus();
      return;
    }
    this.#remove();
    this.running = new AbortController();
    const { signal } = this.running;
    this.toggler.textContent = t("Looking…");
    try {
      const blob = await this.service.why(this.hit.id, words, signal);
      this.#lay(URL.createObjectURL(blob), words);
    } catch (error) {
      if (signal.aborted) return;
      this.#remove();
      this.told.replaceChildren(...withCommands(error.message));
    }
  }

  #lay(address, words) {
    this.heat = element("img", { class: "heat", alt: t("Heat map: where “{words}” is seen in the picture", { words }), src: address });
    this.heat.addEventListener("load", () => URL.revokeObjectURL(address));
    this.#fade();
    this.frame.append(this.heat);
    this.toggler.textContent = t("Hide");
    this.toggler.setAttribute("aria-pressed", "true");
    this.slider.hidden = false;
  }

  #fade() {
    this.heat?.style.setProperty("opacity", this.strength.value);
  }

  #remove() {
    this.running?.abort();
    this.heat?.remove();
    this.heat = null;
    this.told.textContent = "";
    this.toggler.textContent = t("Show where");
    this.toggler.setAttribute("aria-pressed", "false");
    this.slider.hidden = true;
  }
}
