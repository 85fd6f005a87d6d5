/** URL state (History API): the page's address says what is being looked for and looked at, so that it can be kept, sent, and gone back to. */

import { keptPicture, keepPicture, recall } from "./keeping.js";
import { noWishes, wishOf } from "./filter.js";
import { format, parse } from "./query.js";

const LISTS = ["camera", "folder", "tag", "album", "person", "city", "country"];
const SWITCHES = ["rerank", "regions", "collapse", "good", "dated", "scores"];
const SIDES = ["more", "less"]; // by thumbs
const VIEWS = ["places", "likeness", "duplicates", "compare", "albums", "filters", "work", "help"];
const WEIGHED = /^(-?\d+(?:\.\d+)?):(\w+)$/;

/** The address of a state. A picture that was dropped is named by what it holds; the browser keeps it. */
export function addressOf(state) {
  const parameters = new URLSearchParams();
  const query = format(state.query);
  if (query) parameters.set("q", query);
  for (const term of state.query) if (term.image !== undefined) parameters.append("image", `${term.weight}:${keepPicture(term)}`);
  for (const words of state.words ?? state.asWords) parameters.append("words", words);
  for (const [field, wish] of Object.entries(state.wishes)) {
    for (const value of LISTS.includes(field) ? wish : [wish]) if (value) parameters.append(field, value);
  }
  for (const name of SWITCHES) if (state[name]) parameters.set(name, "1");
  if (state.group) parameters.set("group", state.group);
  for (const side of SIDES) if (state[side]?.length) parameters.set(side, state[side].join(","));
  if (state.view) parameters.set("view", state.view);
  if (state.picture !== null) parameters.set("picture", state.picture);
  const written = parameters.toString();
  return written ? `?${written}` : location.pathname;
}

/** The address of the search alone, whatever lies open over it. */
export function searchAddressOf(state) {
  return addressOf({ query: state.query, words: state.words ?? state.asWords, wishes: state.wishes, ...only([...SWITCHES, ...SIDES, "group"], state), scores: false, view: "", picture: null });
}

/** The fields of the state that the page's own address names, with its pictures at hand. */
export async function stateHere() {
  const named = new URLSearchParams(location.search).getAll("image").map((written) => WEIGHED.exec(written)?.[2]);
  await recall(named.filter(Boolean));
  return stateOf(location.search);
}

/** The fields of the state that an address names; its pictures are those at hand. */
function stateOf(address) {
  const parameters = new URLSearchParams(address);
  const wishes = noWishes();
  for (const field of Object.keys(wishes)) {
    wishes[field] = LISTS.includes(field) ? parameters.getAll(field).filter(Boolean) : wishOf(field, parameters.get(field) ?? "");
  }
  const switches = Object.fromEntries(SWITCHES.map((name) => [name, parameters.get(name) === "1"]));
  const sides = Object.fromEntries(SIDES.map((name) => [name, (parameters.get(name) ?? "").split(",").map(number).filter(Boolean).slice(0, 100)]));
  const named = parameters.get("view") === "map" ? "likeness" : parameters.get("view"); // addresses from before there were two maps
  const view = VIEWS.includes(named) ? named : "";
  return { terms: [...parse(parameters.get("q") ?? ""), ...pictures(parameters)], draft: [], asWords: parameters.getAll("words"), wishes, ...switches, ...sides, group: (parameters.get("group") ?? "").trim(), view, picture: number(parameters.get("picture")) };
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
