/** Commands for a terminal, set apart, and copied by a click. */

import { announce, button, element } from "./dom.js";

/** A command with a button that copies it. */
export function command(words) {
  const code = element("code", {}, words);
  return element("span", { class: "command" }, code, button("Copy", { class: "link", on: { click: () => copy(code) } }));
}

/** A line in which backticks mark what is typed: nodes for an element. */
export function withCommands(line) {
  return line.split("`").map((part, place) => (place % 2 ? element("code", {}, part) : part));
}

/** What a model that is not here would do, and what brings it. */
export function lacking(what, model, pull) {
  return `${what} the model ${model}, which is not on the service's machine${pull ? `: \`${pull}\` brings it` : ""}.`;
}

/** Where the browser gives pages no clipboard, the command is selected. */
async function copy(code) {
  try {
    await navigator.clipboard.writeText(code.textContent);
    announce("Copied");
    code.classList.add("copied");
    setTimeout(() => code.classList.remove("copied"), 1500);
  } catch {
    getSelection().selectAllChildren(code);
  }
}
