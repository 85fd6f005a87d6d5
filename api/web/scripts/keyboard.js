/** Keyboard shortcuts for the whole page, and the list of them. */

import { button, element } from "./dom.js";
import { icon } from "./icons.js";

const KEYS = [
  ["/", "Go to the search box"],
  ["Enter", "Make what was typed a term; open the picture"],
  ["← → ↑ ↓", "Go from picture to picture"],
  ["s", "Find pictures like this one"],
  ["w", "In the viewer: why it matched"],
  ["f", "Filters"],
  ["m", "Map of the collection"],
  ["Esc", "Close, or clear"],
  ["?", "This list"],
];
const DIRECTIONS = { ArrowLeft: "left", ArrowRight: "right", ArrowUp: "up", ArrowDown: "down" };

/** Listen for keys; `actions` has search, move(direction), similar, filters, map, help, back. */
export function listenToKeys(actions) {
  document.addEventListener("keydown", (event) => {
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
  const done = { "/": actions.search, s: actions.similar, f: actions.filters, m: actions.map, Escape: actions.back, "?": actions.help }[key];
  if (done === undefined) return false;
  done();
  return true;
}

/** The list of keys, and how a search is written. */
export function helpDialog() {
  const dialog = element("dialog", { class: "dialog", id: "help", "aria-labelledby": "help-title" },
    element("div", { class: "sheet" },
      element("div", { class: "about-head" }, element("h2", { id: "help-title" }, "Searching"),
        button("Close", { icon: icon("close"), class: "round", on: { click: () => dialog.close() } })),
      element("p", {}, "Describe what the picture shows, in any language the model knows. Drop or paste a picture to search by it."),
      element("dl", { class: "grammar" },
        ...[["red boat + sunset", "both together"], ["boat - people", "less of what follows the minus"], ["2:boat + sea", "a boat counts twice"], ['"a - b"', "quotes keep words together"]].flatMap(
          ([written, meant]) => [element("dt", {}, element("code", {}, written)), element("dd", {}, meant)])),
      element("h3", {}, "Keys"),
      element("dl", { class: "keys" }, ...KEYS.flatMap(([key, meant]) => [element("dt", {}, ...key.split(" ").map((one) => element("kbd", {}, one))), element("dd", {}, meant)])),
      element("p", { class: "aside" }, element("a", { href: "/docs" }, "The HTTP interface"))));
  document.body.append(dialog);
  return dialog;
}
