/** Captioning: a sentence about all that are chosen, by a person, or one about each by the model. */

import { lacking, withCommands } from "./commands.js";
import { button, element } from "./dom.js";
import { t } from "./language.js";

export class Captioning {
  /** `say(sentence)` is asked for, and `describe()`, where the visitor may start jobs. */
  constructor({ say, describe }) {
    this.input = element("input", { type: "text", id: "chosen-caption", maxlength: 4000, autocomplete: "off", placeholder: t("What do they show?"), "aria-label": t("What do they show?") });
    this.describe = button(t("Describe each of them"), { on: { click: describe } });
    this.told = element("p", { class: "aside" });
    this.byModel = element("section", { class: "spaced", hidden: true }, element("h3", {}, t("By the model")), this.describe, this.told);
    this.panel = element("div", { class: "captioning" },
      element("section", { class: "tokens" }, element("h3", {}, t("In your words")), element("form", { on: { submit: (event) => {
        event.preventDefault();
        const sentence = this.input.value.trim();
        this.input.value = "";
        if (sentence) say(sentence);
      } } }, this.input, element("button", { class: "small" }, t("Save")))),
      this.byModel);
  }

  /** Whether the visitor may start jobs. */
  permit({ admin }) {
    this.byModel.hidden = !admin;
  }

  /** Whether the model is there; what it lacks is said, with what brings it. */
  allow({ abilities = {} }) {
    const { here = true, model, command } = abilities.caption ?? {};
    this.describe.disabled = !here;
    const words = here
      ? t("Pictures that it has described before stay as they are. How far it is stands under Background work.")
      : lacking(t("Describing pictures needs the model {model}, which is not on the service's machine", { model }), command);
    this.told.replaceChildren(...withCommands(words));
  }

  show() {}
}
