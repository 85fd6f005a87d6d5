/** Ask this picture: questions and answers, and a description on request. */

import { lacking, withCommands } from "./commands.js";
import { button, element } from "./dom.js";
import { t } from "./language.js";

export class Asking {
  constructor(service) {
    this.service = service;
    this.input = element("input", { id: "question", type: "text", required: true, maxlength: 1000, autocomplete: "off", placeholder: t("How many boats are there?") });
    this.log = element("dl", { class: "answers", "aria-live": "polite" });
    this.absent = element("p", { class: "aside", hidden: true });
    this.able = element("div", {},
      element("form", { on: { submit: (event) => this.#ask(event) } }, this.input, element("button", { class: "small" }, t("Ask"))),
      button(t("Describe it"), { class: "link", on: { click: () => this.#answered(t("Describe it"), (signal) => this.service.describe(this.hit.id, "detailed", signal).then((told) => told.caption)) } }),
      this.log);
    this.panel = element("section", { class: "asking" },
      element("h3", {}, element("label", { for: "question" }, t("Ask this picture"))), this.able, this.absent);
  }

  /** Whether there is a model to answer. */
  allow({ here = true, model, command } = {}) {
    this.able.hidden = !here;
    this.absent.hidden = here;
    this.absent.replaceChildren(...withCommands(here ? "" : lacking(t("Questions and descriptions need the model {model}, which is not on the service's machine", { model }), command)));
  }

  /** Begin anew with this picture. */
  show(hit) {
    this.hit = hit;
    this.running?.abort();
    this.running = new AbortController();
    this.input.value = "";
    this.log.replaceChildren();
  }

  #ask(event) {
    event.preventDefault();
    const question = this.input.value.trim();
    if (!question) return;
    this.input.value = "";
    this.#answered(question, (signal) => this.service.ask(this.hit.id, question, signal).then((told) => told.answer));
  }

  async #answered(question, request) {
    const { signal } = this.running;
    const answer = element("dd", { class: "pending" }, "…");
    this.log.prepend(element("div", {}, element("dt", {}, question), answer));
    try {
      answer.textContent = await request(signal);
      answer.className = "";
    } catch (error) {
      if (signal.aborted) return;
      answer.replaceChildren(...withCommands(error.message));
      answer.className = "complaint";
    }
  }
}
