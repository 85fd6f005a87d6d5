/**
 * From what a person types to weighted terms, and back: the grammar of `vasari search`, without paths.
 *
 *   a red boat                  one text term
 *   2:"a red boat" + sunset     a weight before a colon; + adds a term
 *   boat - people               - between spaces subtracts
 *   item:42                     a picture of the library
 *   "no entry" sign             quoted words must occur
 *
 * A term is {text, weight}, {item, weight} or {image, weight}, and quoted words are {text, quoted: true, weight: 1}; images are never typed.
 */

import { t } from "./language.js";

const WEIGHT = /^(\d+(?:\.\d+)?|\.\d+):(?=.)/s;
const ITEM = /^item:(\d+)$/;
const QUOTED = /^[^\s"'\\“„«»「『]+$/;
const WORD = /(?<weight>(?:\d+(?:\.\d+)?|\.\d+):|)(?:"(?<double>(?:[^"\\]|\\.)*)"(?!\S)|'(?<single>[^']*)'(?!\S)|[“„«»「『](?<typographic>[^“”„«»「」『』]*)[“”«»」』](?!\S))|(?<plain>(?:\\.|\S)+)/gs;

/** Terms of a text; an operator that nothing follows yet is passed over. */
export function parse(text) {
  const terms = [];
  let sign = 1;
  let pending = [];
  for (const { word, quoted } of [...split(text), { word: "+", quoted: false }]) {
    if (quoted || (word !== "+" && word !== "-")) {
      pending.push({ word, quoted });
      continue;
    }
    terms.push(...termsOf(pending, sign));
    pending = [];
    sign = word === "-" ? -1 : 1;
  }
  return terms.filter((term) => term.item !== undefined || term.text);
}

/** The text that `parse` reads as these terms; pictures cannot be written and are left out. */
export function format(terms) {
  let written = "";
  for (const term of terms.filter((one) => one.image === undefined)) {
    const size = Math.abs(term.weight);
    const plain = term.item === undefined && size === 1 && !WEIGHT.test(term.text) && !ITEM.test(term.text);
    const words = term.item === undefined ? inQuotes(term.text, plain && !term.quoted) : `item:${term.item}`;
    const bare = term.quoted || (plain && words === term.text) || (size === 1 && term.item !== undefined);
    const operator = term.weight < 0 ? "- " : written ? "+ " : "";
    written += `${written ? " " : ""}${operator}${bare ? "" : `${size}:`}${words}`;
  }
  return written;
}

/** The same terms, in which no words have to occur. */
export function unquoted(terms) {
  return terms.map(({ quoted: _, ...term }) => term);
}

/** The words of the terms that draw near, as one sentence: what a match is explained by. */
export function wordsOf(terms) {
  return terms.filter((term) => term.text && term.weight > 0).map((term) => term.text).join(" ");
}

/** The title of a page that shows what the terms find. */
export function titleOf(terms) {
  return terms.length ? `${wordsOf(terms) || t("Similar")} – Vasari` : "Vasari";
}

/** A term as people read it. */
export function nameOf(term) {
  if (term.text !== undefined) return term.quoted ? `“${term.text}”` : term.text;
  return term.name ?? (term.item === undefined ? t("a picture") : t("picture {n}", { n: String(term.item) }));
}

function inQuotes(text, plain) {
  const words = text.split(/\s+/);
  if (plain && words.every((word) => QUOTED.test(word) && word !== "+" && word !== "-" && !WEIGHT.test(word) && !ITEM.test(word))) {
    return text;
  }
  return `"${text.replace(/[\\"]/g, "\\$&")}"`;
}

function termsOf(words, sign) {
  const terms = [];
  let text = [];
  const finish = () => {
    if (text.length) terms.push(termOf(text.join(" "), sign));
    text = [];
  };
  for (const { word, quoted } of words) {
    if (quoted) {
      terms.push({ text: word.trim(), weight: sign, ...(sign > 0 ? { quoted } : {}) });
    } else if (ITEM.test(word.replace(WEIGHT, ""))) {
      finish();
      terms.push(termOf(word, sign));
    } else if (WEIGHT.test(word)) {
      finish();
      text = [word];
    } else {
      text.push(word);
    }
  }
  finish();
  return terms;
}

function termOf(written, sign) {
  const weighted = WEIGHT.exec(written);
  const weight = weighted ? sign * Number(weighted[1]) : sign;
  const rest = weighted ? written.slice(weighted[0].length).trim() : written;
  const item = ITEM.exec(rest);
  return item ? { item: Number(item[1]), weight } : { text: rest.trim(), weight };
}

/**
 * The words of a text, each {word, quoted}: those in double quotes are quoted where nothing but spaces stands around the
 * quotes. Behind a weight quotes only group, as single ones do; one that is never closed is a letter.
 */
function split(text) {
  return [...text.matchAll(WORD)].map(({ groups: { weight, double, single, typographic, plain } }) => {
    if (plain !== undefined) return { word: plain.replace(/\\(.)/gs, "$1"), quoted: false };
    const inner = (double ?? single ?? typographic).replace(/\\(["\\])/g, "$1");
    return { word: weight + inner, quoted: weight === "" && single === undefined && inner.trim() !== "" };
  });
}
