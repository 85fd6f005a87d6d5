/** Two settings of the search side by side, over what was judged: figures with a paired test, and the queries that changed most. */

import { button, element } from "./dom.js";
import { icon } from "./icons.js";
import { n, t } from "./language.js";

const SETTINGS = ["default", "rerank", "rerank, weight=0.3", "hybrid=off", "literally", "collapse", "diversify=0.7", "regions", "fair", "fair=off", "fair, fair_weight=0.5"];
const SHOWN = ["nDCG@10", "mAP", "mAP@R", "R-precision", "recall@10", "success@1"];
const SIDE = 160; // pixels of a small picture
const SENTENCES = {
  better: (told) => t("B is better by {measure}", told),
  worse: (told) => t("A is better by {measure}", told),
  "no difference shown": (told) => t("No difference is shown by {measure}", told),
  "too few queries": () => t("So few queries cannot tell a difference from chance: judge six or more"),
};

export class Compare {
  /** `look({query, filter})` searches for a query that was compared. */
  constructor(service, look) {
    Object.assign(this, { service, look });
    this.#build();
  }

  show() {
    this.dialog.showModal();
  }

  async #compare(event) {
    event.preventDefault();
    this.go.disabled = true;
    this.told.textContent = t("Searching for all that was judged, twice…");
    this.outcome.replaceChildren();
    try {
      this.#tell(await this.service.compare({ a: this.a.value, b: this.b.value, measure: this.measure.value }));
    } catch (error) {
      this.told.textContent = error.message;
    } finally {
      this.go.disabled = false;
    }
  }

  #tell(found) {
    const decisive = found.figures[found.measure];
    const detail = found.verdict === "no difference shown" ? t("; one of {size} would be found in four of five cases", { size: figure(decisive.detectable) }) : "";
    const left = found.without_right ? t(", {n} more have no right picture", { n: found.without_right }) : "";
    this.told.textContent = `${SENTENCES[found.verdict](found)}: p ${chance(decisive.p)}${detail}. ${n(found.queries, "{n} query", "{n} queries")}${left}.`;
    this.outcome.replaceChildren(this.#figures(found), ...(found.changed.length ? [element("h3", {}, t("Queries that changed most")), ...found.changed.map((one) => this.#change(one, found))] : []));
  }

  #figures({ a, b, figures }) {
    const head = element("tr", {}, ...["", "A", "B", "B − A", t("95 % interval"), "p"].map((words) => (words ? element("th", { scope: "col" }, words) : element("td", {}))));
    const rows = SHOWN.map((name) => {
      const { a: first, b: second, difference, interval, p } = figures[name];
      return element("tr", {}, element("th", { scope: "row" }, name), ...[figure(first), figure(second), signed(difference), interval.map(signed).join(" … "), chance(p)].map((words) => element("td", {}, words)));
    });
    return element("table", { class: "compared" }, element("caption", {}, `A: ${a}. B: ${b}.`), element("thead", {}, head), element("tbody", {}, ...rows));
  }

  #change(one, { measure }) {
    const right = new Set(one.right);
    const words = one.filter ? `${one.query} (${one.filter})` : one.query;
    const side = (name, value, items) => element("div", { class: "compared-side" }, element("p", {}, `${name}: ${measure} ${figure(value)}`),
      element("div", { class: "compared-pictures" }, ...items.map((id, place) => element("img", { src: `/v1/items/${id}/thumbnail?side=${SIDE}`, alt: `${place + 1}${right.has(id) ? t(", right") : ""}`, class: right.has(id) ? "right" : "", loading: "lazy", width: 72, height: 72 }))));
    return element("section", { class: "compared-query" },
      button(words, { text: words, class: "link", on: { click: () => {
        this.dialog.close();
        this.look(one);
      } } }), side("A", one.a, one.a_items), side("B", one.b, one.b_items));
  }

  #build() {
    const field = (name, value) => element("input", { type: "text", id: `compare-${name}`, list: "compare-settings", value, required: true, maxlength: 500 });
    this.a = field("a", "default");
    this.b = field("b", "rerank");
    this.measure = element("select", { id: "compare-measure" }, ...SHOWN.map((name) => element("option", {}, name)));
    this.go = element("button", { class: "primary" }, t("Compare"));
    this.told = element("p", { class: "compared-told", role: "status" });
    this.outcome = element("div", { class: "compared-outcome" });
    const labelled = (words, control) => element("label", { for: control.id }, words, control);
    this.dialog = element("dialog", { class: "map", id: "compare", "aria-labelledby": "compare-title" },
      element("header", { class: "map-head" }, element("h2", { id: "compare-title" }, t("Compare")),
        button(t("Close"), { icon: icon("close"), class: "round", on: { click: () => this.dialog.close() } })),
      element("div", { class: "compare-room", tabindex: 0, role: "region", "aria-label": t("Comparison") },
        element("form", { class: "compare-form", on: { submit: (event) => this.#compare(event) } },
          labelled(t("Setting A"), this.a), labelled(t("Setting B"), this.b), labelled(t("Decided by"), this.measure), this.go,
          element("datalist", { id: "compare-settings" }, ...SETTINGS.map((value) => element("option", { value })))),
        this.told, this.outcome));
    document.body.append(this.dialog);
  }
}

function figure(value) {
  return value.toFixed(3);
}

function signed(value) {
  return `${value < 0 ? "−" : "+"}${Math.abs(value).toFixed(3)}`;
}

function chance(p) {
  return p < 0.001 ? "< 0.001" : p.toFixed(3);
}
