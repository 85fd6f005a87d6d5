/** Empty states: what the page says when there are no pictures to show. */

import { command, withCommands } from "./commands.js";
import { button, element } from "./dom.js";

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

export function nothingIndexed(openJobs) {
  return message(
    "No pictures yet",
    [
      ["Point Vasari at a folder, and its pictures can be found by what they show."],
      [command("vasari index ~/Pictures")],
      ["They stay where they are; nothing leaves this machine."],
    ],
    openJobs && button("Index a folder", { class: "primary", on: { click: openJobs } }),
  );
}

export function noMatch(showAnyway) {
  return message(
    "No good match",
    ["Nothing here resembles that more than chance would have it."],
    button("Show the nearest anyway", { class: "primary", on: { click: showAnyway } }),
  );
}

export function nothingElse() {
  return message("Nothing else here", ["There is no other picture that could be like it."]);
}

export function nothingLeft(reset) {
  return message("The filters leave nothing", ["No picture meets all of them."], button("Reset the filters", { class: "primary", on: { click: reset } }));
}

/** Why a request failed, and what may help: `again()` asks once more, `anew()` begins from nothing. */
export function failure(problem, { again, anew }) {
  const retry = button("Try again", { class: "primary", on: { click: again } });
  const restart = button("Start anew", { class: "primary", on: { click: anew } });
  switch (problem.status) {
    case 0:
      return message("The service cannot be reached", [problem.message, ...(ownMachine() ? [["Start it with ", command("vasari serve")]] : [])], retry);
    case 400:
      return message("That cannot be searched for", [problem.message], restart);
    case 401:
      return message("A key is needed", ["This library is shown to those who have a key."], button("Enter a key", { class: "primary", on: { click: again } }));
    case 403:
      return message("Not allowed", [problem.message], retry);
    case 404:
      return message("This picture is not in the library any more", ["What was searched by has been removed since."], restart);
    case 413:
    case 422:
      return problem.name === "schema"
        ? message("That cannot be searched for", ["It is longer than a search may be, or nothing that one can look for."], restart)
        : message("That picture cannot be read", [problem.message], restart);
    case 429:
      return message("The service is busy", ["It had no room for this search, several times in a row."], retry);
    case 501:
    case 503:
      return message("The model is not there", [withCommands(problem.message), ...(problem.command ? [[command(problem.command)]] : [])], retry);
    case 504:
      return message("That took too long", ["The answer was not ready in time. The next try may be quicker."], retry);
    case LOST:
      return message("The picture is gone", ["A picture to search by is kept for the tab it was dropped in. Drop it here to search by it again."], restart);
    default:
      return message(problem.title || "It failed", [problem.message], retry);
  }
}

export const DRAWINGS = "This library's model knows drawings, not photos. For photos: `vasari models pull fast && vasari index --all --model fast`";
export const LOST = -1; // the status of a search by a picture that was dropped elsewhere

/** Whether the page comes from the machine it is looked at on: then its reader can start programs there. */
export function ownMachine() {
  return ["localhost", "127.0.0.1", "[::1]"].includes(location.hostname);
}
