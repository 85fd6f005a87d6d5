/** Keyboard shortcuts for the whole page, and the list of them. */

import { button, element } from "./dom.js";
import { icon } from "./icons.js";
import { LANGUAGES, language, speak, t } from "./language.js";

const KEYS = [
  ["/", t("Go to the search box")],
  ["Enter", t("Make what was typed a term; open the picture")],
  ["← → ↑ ↓", t("Go from picture to picture")],
  ["x", t("Choose the picture; with Shift all up to it")],
  ["s", t("Find pictures like this one")],
  ["+ -", t("Right, or wrong, for this search")],
  ["w", t("In the viewer: why it matched")],
  ["f", t("Filters; in the viewer: favourite")],
  ["1 … 5", t("In the viewer: so many stars; 0 takes them back")],
  ["z + -", t("In the viewer: enlarge, closer, farther")],
  ["Space", t("In the viewer: slideshow")],
  ["a", t("Albums")],
  ["d", t("Duplicates, side by side")],
  ["m", t("Map of places")],
  ["l", t("Likeness map")],
  ["Esc", t("Close, or clear")],
  ["?", t("This list")],
];
const DIRECTIONS = { ArrowLeft: "left", ArrowRight: "right", ArrowUp: "up", ArrowDown: "down" };

/** Listen for keys; `actions` has all, choose(range), search, move(direction), similar, right, wrong, filters, albums, duplicates, places, likeness, help, back. */
export function listenToKeys(actions) {
  document.addEventListener("keydown", (event) => {
    if (event.key === "a" && (event.ctrlKey || event.metaKey) && !event.target.matches("input, textarea, select") && actions.all()) event.preventDefault();
    if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open], :popover-open")) return;
    const typing = event.target.matches("input, textarea, select");
    if (typing && event.key === "ArrowDown" && event.target.id === "query") {
      if (actions.move("down")) event.preventDefault();
      return;
    }
    if (typing) return;
    if (act(event.key, actions)) event.preventDefault();
  });
}

function act(key, actions) {
  if (key in DIRECTIONS) return actions.move(DIRECTIONS[key]);
  const done = { "/": actions.search, x: () => actions.choose(false), X: () => actions.choose(true), "+": actions.right, "-": actions.wrong, s: actions.similar, f: actions.filters, a: actions.albums, d: actions.duplicates, m: actions.places, l: actions.likeness, Escape: actions.back, "?": actions.help }[key];
  if (done === undefined) return false;
  done();
  return true;
}

/** The languages that the page speaks; another one is taken by loading the page anew. */
function languages() {
  const choice = element("select", { id: "language", on: { change: () => speak(choice.value) } },
    ...Object.entries(LANGUAGES).map(([code, name]) => element("option", { value: code, lang: code, selected: code === language }, name)));
  return element("p", { class: "inline" }, element("label", { for: "language" }, t("Language")), choice);
}

/** The list of keys, and how a search is written. */
export function helpDialog() {
  const dialog = element("dialog", { class: "dialog", id: "help", "aria-labelledby": "help-title" },
    element("div", { class: "sheet" },
      element("div", { class: "about-head" }, element("h2", { id: "help-title" }, t("Searching")),
        button(t("Close"), { icon: icon("close"), class: "round", on: { click: () => dialog.close() } })),
      element("p", {}, t("Describe what the picture shows, in any language the model knows. Drop or paste a picture to search by it.")),
      element("dl", { class: "grammar" },
        ...[["red boat + sunset", t("both together")], ["boat - people", t("less of what follows the minus")], ["2:boat + sea", t("a boat counts twice")], ['"no entry"', t("has to occur: in captions, tags, names or the picture")]].flatMap(
          ([written, meant]) => [element("dt", {}, element("code", {}, written)), element("dd", {}, meant)])),
      languages(),
      element("h3", {}, t("Keys")),
      element("dl", { class: "keys" }, ...KEYS.flatMap(([key, meant]) => [element("dt", {}, ...key.split(" ").map((one) => element("kbd", {}, one))), element("dd", {}, meant)])),
      element("p", { class: "aside" }, element("a", { href: "/docs" }, t("The HTTP interface")))));
  document.body.append(dialog);
  return dialog;
}
