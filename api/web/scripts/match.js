/** How well a hit matches, for people: words and not cosines, which mean something else for each model and query. */

import { t } from "./language.js";

const GOOD = 0.8; // a good match beats the best one of four in five unrelated queries
const LEVELS = [[0.95, "very good"], [GOOD, "good"], [0.5, "fair"], [0, "weak"]];
const RERANKED = [[0.8, "very good"], [0.5, "good"], [0.25, "fair"], [-1, "weak"]]; // of a probability

const NAMES = { "very good": t("very good"), good: t("good"), fair: t("fair"), weak: t("weak") };

/** "very good", "good", "fair" or "weak"; nothing where that is not known. */
export function matchWord({ relevance, reranked, score }) {
  if (relevance === null || relevance === undefined) return reranked ? level(RERANKED, score) : "";
  return level(LEVELS, relevance);
}

/** How good a hit is, in the reader's language. */
export function matchName(hit) {
  return NAMES[matchWord(hit)] ?? "";
}

/** Whether a hit is a good match. */
export function isGood(hit) {
  return ["very good", "good"].includes(matchWord(hit));
}

function level(levels, value) {
  return levels.find(([least]) => value >= least)?.[1] ?? "weak";
}
