/** Commands for a terminal, set apart, and copied by a click. */

import { announce, button, element } from "./dom.js";
import { t } from "./language.js";

/** A command with a button that copies it. */
export function command(words) {
  const code = element("code", {}, words);
  return element("span", { class: "command" }, code, button(t("Copy"), { class: "link", on: { click: () => copy(code) } }));
}

/** A line in which backticks mark what is typed: nodes for an element. */
export function withCommands(line) {
  return line.split("`").map((part, place) => (place % 2 ? element("code", {}, part) : part));
}

/** What lacks its model, as a sentence without its end, and the command that brings the model. */
export function lacking(what, pull) {
  return pull ? t("{lacking}: `{pull}` brings it.", { lacking: what, pull }) : `${what}.`;
}

/** Where the browser gives pages no clipboard, the command is selected. */
async function copy(code) {
  try {
    await navigator.clipboard.writeText(code.textContent);
    announce(t("Copied"));
    code.classList.add("copied");
    setTimeout(() => code.classList.remove("copied"), 1500);
  } catch {
    getSelection().selectAllChildren(code);
  }
}
