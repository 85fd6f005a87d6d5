/** The page's address says what is being looked for, so that it can be kept, sent, and gone back to. */

import { noWishes } from "./filter.js";
import { format, parse } from "./query.js";

const LISTS = ["camera", "folder", "tag"];
const SWITCHES = ["rerank", "collapse", "good", "scores"];

/** The address of a state; pictures that were dropped have none, and are left out. */
export function addressOf(state) {
  const parameters = new URLSearchParams();
  const query = format(state.query);
  if (query) parameters.set("q", query);
  for (const [field, wish] of Object.entries(state.wishes)) {
    for (const value of LISTS.includes(field) ? wish : [wish]) if (value) parameters.append(field, value);
  }
  for (const name of SWITCHES) if (state[name]) parameters.set(name, "1");
  const written = parameters.toString();
  return written ? `?${written}` : location.pathname;
}

/** The fields of the state that an address names. */
export function stateOf(address) {
  const parameters = new URLSearchParams(address);
  const wishes = noWishes();
  for (const field of Object.keys(wishes)) {
    wishes[field] = LISTS.includes(field) ? parameters.getAll(field).filter(Boolean) : (parameters.get(field) ?? "");
  }
  const switches = Object.fromEntries(SWITCHES.map((name) => [name, parameters.get(name) === "1"]));
  return { terms: parse(parameters.get("q") ?? ""), draft: [], wishes, ...switches };
}
