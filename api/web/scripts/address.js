/** URL state (History API): the page's address says what is being looked for and looked at, so that it can be kept, sent, and gone back to. */

import { keptPicture, keepPicture } from "./keeping.js";
import { noWishes, wishOf } from "./filter.js";
import { format, parse } from "./query.js";

const LISTS = ["camera", "folder", "tag"];
const SWITCHES = ["rerank", "collapse", "good", "scores"];
const VIEWS = ["map", "filters", "work", "help"];
const WEIGHED = /^(-?\d+(?:\.\d+)?):(\w+)$/;

/** The address of a state. A picture that was dropped is named by what it holds; the browser keeps it for the tab. */
export function addressOf(state) {
  const parameters = new URLSearchParams();
  const query = format(state.query);
  if (query) parameters.set("q", query);
  for (const term of state.query) if (term.image !== undefined) parameters.append("image", `${term.weight}:${keepPicture(term)}`);
  for (const [field, wish] of Object.entries(state.wishes)) {
    for (const value of LISTS.includes(field) ? wish : [wish]) if (value) parameters.append(field, value);
  }
  for (const name of SWITCHES) if (state[name]) parameters.set(name, "1");
  if (state.view) parameters.set("view", state.view);
  if (state.picture !== null) parameters.set("picture", state.picture);
  const written = parameters.toString();
  return written ? `?${written}` : location.pathname;
}

/** The address of the search alone, whatever lies open over it. */
export function searchAddressOf(state) {
  return addressOf({ query: state.query, wishes: state.wishes, ...only(SWITCHES, state), scores: false, view: "", picture: null });
}

/** The fields of the state that an address names. */
export function stateOf(address) {
  const parameters = new URLSearchParams(address);
  const wishes = noWishes();
  for (const field of Object.keys(wishes)) {
    wishes[field] = LISTS.includes(field) ? parameters.getAll(field).filter(Boolean) : wishOf(field, parameters.get(field) ?? "");
  }
  const switches = Object.fromEntries(SWITCHES.map((name) => [name, parameters.get(name) === "1"]));
  const view = VIEWS.includes(parameters.get("view")) ? parameters.get("view") : "";
  return { terms: [...parse(parameters.get("q") ?? ""), ...pictures(parameters)], draft: [], wishes, ...switches, view, picture: number(parameters.get("picture")) };
}

function pictures(parameters) {
  const read = parameters.getAll("image").map((written) => WEIGHED.exec(written)).filter(Boolean);
  return read.map(([, weight, name]) => ({ ...keptPicture(name), weight: Number(weight) }));
}

function number(written) {
  return /^[1-9]\d{0,15}$/.test(written ?? "") ? Number(written) : null;
}

function only(names, state) {
  return Object.fromEntries(names.map((name) => [name, state[name]]));
}
