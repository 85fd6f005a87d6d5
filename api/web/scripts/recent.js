/** Recent searches: the last queries that were typed, and pictures that were searched by, on this browser, and nowhere else. */

import { forgetPictures } from "./keeping.js";

const NAME = "vasari.recent";
const MOST = 8;

/** The latest first: the words of a search, or {picture, name} of one by a kept picture. */
export function recent() {
  try {
    const kept = JSON.parse(localStorage.getItem(NAME) ?? "[]");
    return Array.isArray(kept) ? kept.filter((one) => typeof one === "string" || typeof one?.picture === "string").slice(0, MOST) : [];
  } catch {
    return []; // no storage here, or another's
  }
}

export function remember(search) {
  const one = typeof search === "string" ? search.trim() : search;
  if (one) keep([one, ...recent().filter((other) => keyOf(other) !== keyOf(one))].slice(0, MOST));
}

export function forget() {
  keep([]);
  forgetPictures();
}

function keyOf(search) {
  return search.picture === undefined ? `words ${search}` : `picture ${search.picture}`;
}

function keep(searches) {
  try {
    localStorage.setItem(NAME, JSON.stringify(searches));
  } catch {
    // without storage nothing is recent
  }
}
