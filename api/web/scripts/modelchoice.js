/** Which model to index with, in an empty library: asked of the service once somebody wants to know. */

import { command } from "./commands.js";
import { button, element } from "./dom.js";
import { locale, n, t } from "./language.js";

const SHOWN = 4;
const UNITS = [["day", 86_400], ["hour", 3_600], ["minute", 60], ["second", 1]];

/** A button that measures the service's machine, and the models for the reader's language in its place. */
export function modelChoice(recommend, language = navigator.language) {
  const place = element("div", { class: "model-choice", "aria-live": "polite" });
  const ask = button(t("Which model suits me?"), { class: "link", on: { click: () => find() } });
  async function find() {
    place.replaceChildren(element("p", {}, t("Measuring the machine…")));
    try {
      place.replaceChildren(...choice(await known(recommend, language)));
    } catch (error) {
      place.replaceChildren(element("p", {}, error.message), ask);
    }
  }
  place.append(ask);
  return place;
}

/** The recommendation in a language, or in English where nobody published figures for that. */
async function known(recommend, language) {
  try {
    return await recommend(language);
  } catch (error) {
    if (error.status !== 400) throw error;
    return recommend("en");
  }
}

function choice(found) {
  const usable = found.models.filter((model) => model.fits && !model.outdone_by);
  if (!found.choice) return [element("p", {}, t("The machine has not enough memory for any of the models for photos."))];
  const near = usable.findIndex((model) => model.name === found.choice); // the choice is one of them
  const chosen = usable[near];
  const first = Math.max(0, Math.min(near - 1, usable.length - SHOWN));
  const told = [
    element("p", {}, t("For photos that are asked for in {language}:", found)),
    element("table", {},
      element("thead", {}, element("tr", {}, ...[t("Model"), t("Recall"), n(found.images, "{n} picture", "{n} pictures"), t("Licence")].map((head) => element("th", { scope: "col" }, head)))),
      element("tbody", {}, ...usable.slice(first, first + SHOWN).map((model) => row(model, model === chosen))),
    ),
    chosen.restricted && element("p", {}, [t("The licence of {name}: {licence}.", chosen), found.open_choice && t("Of an open licence: {name}.", { name: found.open_choice })].filter(Boolean).join(" ")),
    element("p", {}, command(found.pull)),
    element("p", {}, command(`vasari index ~/Pictures --model ${found.choice}`)),
    element("p", { class: "model-source" }, t("Recall: {recall}, in percent, as published. Times are those of the service's machine.", { recall: found.recall_is })),
  ];
  return told.filter(Boolean);
}

function row(model, chosen) {
  const cells = [model.recall.toFixed(1), duration(model.seconds), model.licence.split(" (")[0]];
  return element("tr", chosen ? { class: "chosen", "aria-current": "true" } : {}, element("th", { scope: "row" }, model.name), ...cells.map((cell) => element("td", {}, cell)));
}

function duration(seconds) {
  const [unit, length] = UNITS.find(([, size]) => seconds >= 2 * size) ?? ["second", 1];
  const count = Math.max(1, Math.round(seconds / length));
  return new Intl.NumberFormat(locale, { style: "unit", unit, unitDisplay: "long" }).format(count);
}
