/** Terms as chips: each says its weight, can be weighed anew and taken away. */

import { button, element } from "./dom.js";
import { icon } from "./icons.js";
import { t } from "./language.js";
import { nameOf } from "./query.js";

const USUAL = 3; // the slider's ends, unless a larger weight was typed

export class Chips {
  /** `onChange(terms, step)` hears of a change; while a slider moves, step names it. */
  constructor(list, onChange) {
    this.list = list;
    this.onChange = onChange;
    this.terms = [];
    this.popover = element("div", { class: "popover weight", id: "weight", popover: "auto", role: "dialog" });
    document.body.append(this.popover);
  }

  show(terms) {
    this.terms = terms;
    this.list.replaceChildren(...terms.map((term, place) => this.#chip(term, place)));
    this.list.hidden = terms.length === 0;
  }

  #chip(term, place) {
    const name = nameOf(term);
    const away = term.weight < 0;
    const picture = term.preview ?? (term.item === undefined ? "" : `/v1/items/${term.item}/thumbnail?side=160`);
    const body = element(
      "button",
      {
        type: "button",
        class: "chip-body",
        "aria-haspopup": "dialog",
        "aria-label": t("{name}, weight {weight}. Change the weight", { name: away ? t("less like {name}", { name }) : name, weight: term.weight }),
        on: { click: () => this.#weigh(body, place) },
      },
      badge(term),
      picture && element("img", { src: picture, alt: "", width: 24, height: 24, on: { error: ({ target }) => target.remove() } }),
      element("span", { class: "chip-name" }, name),
    );
    const remove = button(t("Remove {name}", { name }), {
      icon: icon("close"),
      class: "chip-remove",
      on: { click: () => this.onChange(this.terms.filter((_, other) => other !== place), true) },
    });
    return element("li", { class: away ? "chip away" : "chip" }, body, remove);
  }

  #weigh(anchor, place) {
    const term = this.terms[place];
    const end = Math.max(USUAL, Math.ceil(Math.abs(term.weight)));
    const told = element("output", { for: "weight-slider" }, signed(term.weight));
    const slider = element("input", { id: "weight-slider", type: "range", min: -end, max: end, step: 0.25, value: term.weight });
    const set = (step) => {
      told.textContent = signed(Number(slider.value));
      const weight = Number(slider.value);
      this.onChange(this.terms.map((one, other) => (other === place ? { ...one, weight } : one)), step);
    };
    slider.addEventListener("input", () => set("weight"));
    slider.addEventListener("change", () => set(true));
    this.popover.setAttribute("aria-label", t("Weight of {name}", { name: nameOf(term) }));
    this.popover.replaceChildren(
      element("label", { for: "weight-slider" }, t("Weight"), told),
      slider,
      element("div", { class: "ends" }, element("span", {}, t("less like it")), element("span", {}, t("more like it"))),
    );
    this.popover.addEventListener("toggle", (event) => {
      if (event.newState === "closed") this.list.children[place]?.querySelector(".chip-body").focus();
    }, { once: true });
    this.popover.showPopover();
    const box = anchor.getBoundingClientRect();
    const left = Math.min(box.left, innerWidth - this.popover.offsetWidth - 12);
    this.popover.style.left = `${Math.max(12, left)}px`;
    this.popover.style.top = `${box.bottom + 8}px`;
    slider.focus();
  }
}

function badge(term) {
  const size = Math.abs(term.weight);
  if (term.weight === 1) return null;
  return element("span", { class: "chip-weight" }, `${term.weight < 0 ? "−" : ""}${size === 1 ? "" : `${size}×`}`);
}

function signed(weight) {
  return weight < 0 ? `−${-weight}` : `${weight}`;
}
