/** What the page says when there are no pictures to show. */

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
      [element("code", { class: "command" }, "vasari index ~/Pictures")],
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

export function nothingLeft(reset) {
  return message("The filters leave nothing", ["No picture meets all of them."], button("Reset the filters", { class: "primary", on: { click: reset } }));
}

/** Why a request failed, and what may help. */
export function failure(problem, again) {
  const retry = button("Try again", { class: "primary", on: { click: again } });
  switch (problem.status) {
    case 0:
      return message("The service cannot be reached", [problem.message, ["Start it with ", element("code", {}, "vasari serve")]], retry);
    case 400:
      return message("That cannot be searched for", [problem.message]);
    case 401:
      return message("A key is needed", ["This library is shown to those who have a key."], button("Enter a key", { class: "primary", on: { click: again } }));
    case 403:
      return message("Not allowed", [problem.message], retry);
    case 422:
      return message("That picture cannot be read", [problem.message]);
    case 429:
      return message("The service is busy", ["It had no room for this search, several times in a row."], retry);
    case 501:
    case 503:
      return message("The model is not there", [problem.message], retry);
    case 504:
      return message("That took too long", [problem.message], retry);
    default:
      return message(problem.title || "It failed", [problem.message], retry);
  }
}
