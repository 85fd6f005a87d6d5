/**
 * From what a person types to weighted terms, and back: the grammar of `vasari search`, without paths.
 *
 *   a red boat                  one text term
 *   2:"a red boat" + sunset     a weight before a colon; + adds a term
 *   boat - people               - between spaces subtracts
 *   item:42                     a picture of the library
 *
 * A term is {text, weight}, {item, weight} or {image, weight}; images are never typed.
 */

const WEIGHT = /^(\d+(?:\.\d+)?|\.\d+):(?=.)/s;
const ITEM = /^item:(\d+)$/;
const QUOTED = /^[^\s"'\\]+$/;

/** Terms of a text; an operator that nothing follows yet is passed over. */
export function parse(text) {
  const terms = [];
  let sign = 1;
  let pending = [];
  for (const word of [...split(text), "+"]) {
    if (word !== "+" && word !== "-") {
      pending.push(word);
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
    const words = term.item === undefined ? quoted(term.text, plain) : `item:${term.item}`;
    const operator = term.weight < 0 ? "- " : written ? "+ " : "";
    written += `${written ? " " : ""}${operator}${plain || (size === 1 && term.item !== undefined) ? "" : `${size}:`}${words}`;
  }
  return written;
}

/** The words of the terms that draw near, as one sentence: what a match is explained by. */
export function wordsOf(terms) {
  return terms.filter((term) => term.text && term.weight > 0).map((term) => term.text).join(" ");
}

/** A term as people read it. */
export function nameOf(term) {
  if (term.text !== undefined) return term.text;
  return term.name ?? (term.item === undefined ? "a picture" : `picture ${term.item}`);
}

function quoted(text, plain) {
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
  for (const word of words) {
    if (ITEM.test(word.replace(WEIGHT, ""))) {
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

/** Words as a POSIX shell splits them; with a lone quote, by spaces. */
function split(text) {
  const words = [];
  let word = null;
  let quote = "";
  for (let place = 0; place < text.length; place += 1) {
    const letter = text[place];
    if (quote) {
      if (letter === quote) quote = "";
      else if (quote === '"' && letter === "\\" && '"\\'.includes(text[place + 1] ?? "x")) word += text[(place += 1)];
      else word += letter;
    } else if (letter === '"' || letter === "'") {
      quote = letter;
      word ??= "";
    } else if (letter === "\\") {
      if (place + 1 >= text.length) return text.split(/\s+/).filter(Boolean);
      word = (word ?? "") + text[(place += 1)];
    } else if (/[ \t\r\n]/.test(letter)) {
      if (word !== null) words.push(word);
      word = null;
    } else {
      word = (word ?? "") + letter;
    }
  }
  if (quote) return text.split(/\s+/).filter(Boolean);
  if (word !== null) words.push(word);
  return words;
}
