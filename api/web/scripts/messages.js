/** Empty states: what the page says when there are no pictures to show. */

import { command, withCommands } from "./commands.js";
import { button, element } from "./dom.js";
import { t } from "./language.js";
import { modelChoice } from "./modelchoice.js";
import { LOST } from "./problems.js";

/** A headline, a line or two, and what can be done. */
export function message(title, lines, ...actions) {
  return element(
    "section",
    { class: "message" },
    element("h2", {}, title),
    ...lines.map((line) => element("p", {}, line)),
    actions.length ? element("div", { class: "actions" }, ...actions) : null,
  );
}

export function nothingIndexed(openJobs, recommend) {
  const empty = message(
    t("No pictures yet"),
    [
      [t("Point Vasari at a folder, and its pictures can be found by what they show.")],
      [command("vasari index ~/Pictures")],
      [t("They stay where they are; nothing leaves this machine.")],
    ],
    openJobs && button(t("Index a folder"), { class: "primary", on: { click: openJobs } }),
  );
  empty.classList.add("nothing-indexed");
  empty.append(modelChoice(recommend));
  return empty;
}

export function noMatch(showAnyway) {
  return message(
    t("No good match"),
    [t("Nothing here resembles that more than chance would have it.")],
    button(t("Show the nearest anyway"), { class: "primary", on: { click: showAnyway } }),
  );
}

export function nothingElse() {
  return message(t("Nothing else here"), [t("There is no other picture that could be like it.")]);
}

/** What a filter leaves: nothing; `alone` where that is a single album. */
export function nothingLeft(reset, alone) {
  if (alone) return message(t("This album is empty"), [], button(t("Show all pictures"), { class: "primary", on: { click: reset } }));
  return message(t("The filters leave nothing"), [t("No picture meets all of them.")], button(t("Reset the filters"), { class: "primary", on: { click: reset } }));
}

/** Where quoted words are nowhere; which, and where they were looked for, a note of the answer says. */
export function nothingSaid(unquote) {
  return message(t("Nothing found"), [], button(t("Search without the quotes"), { class: "primary", on: { click: unquote } }));
}

/** Why a request failed, and what may help: `again()` asks once more, `anew()` begins from nothing. */
export function failure(problem, { again, anew }) {
  const retry = button(t("Try again"), { class: "primary", on: { click: again } });
  const restart = button(t("Start anew"), { class: "primary", on: { click: anew } });
  switch (problem.status) {
    case 0:
      return message(t("The service cannot be reached"), [problem.message, ...(ownMachine() ? [[t("Start it with "), command("vasari serve")]] : [])], retry);
    case 400:
      return message(t("That cannot be searched for"), [withCommands(problem.message)], restart);
    case 401:
      return message(t("A key is needed"), [t("This library is shown to those who have a key.")], button(t("Enter a key"), { class: "primary", on: { click: again } }));
    case 403:
      return message(t("Not allowed"), [withCommands(problem.message)], retry);
    case 404:
      return message(t("This picture is not in the library any more"), [t("What was searched by has been removed since.")], restart);
    case 413:
    case 422:
      return problem.name === "schema"
        ? message(t("That cannot be searched for"), [t("It is longer than a search may be, or nothing that one can look for.")], restart)
        : message(t("That picture cannot be read"), [withCommands(problem.message)], restart);
    case 429:
      return message(t("The service is busy"), [t("It had no room for this search, several times in a row.")], retry);
    case 501:
    case 503:
      return message(t("The model is not there"), [withCommands(problem.message), ...(problem.command ? [[command(problem.command)]] : [])], retry);
    case 504:
      return message(t("That took too long"), [t("The answer was not ready in time. The next try may be quicker.")], retry);
    case LOST:
      return message(t("The picture is gone"), [t("A picture to search by is kept in the browser it was dropped in, and only the latest are. Drop it here to search by it again.")], restart);
    default:
      return message(t("It failed"), [withCommands(problem.message)], retry);
  }
}

export const DRAWINGS = t("This library's model knows drawings, not photos. For photos: {command}", { command: "`vasari models pull fast && vasari index --all --model fast`" });

/** Whether the page comes from the machine it is looked at on: then its reader can start programs there. */
export function ownMachine() {
  return ["localhost", "127.0.0.1", "[::1]"].includes(location.hostname);
}
