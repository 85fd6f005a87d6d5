/**
 * The language that the page speaks, and its words: `languages/de.json` has the German of each English text.
 *
 * It is the first that a reader's browser asks for of those there are, or the one chosen. The words are there before any
 * other module begins, so that constants may be texts too. Words that the service says come as it says them.
 */

const KEPT = "vasari-language";
export const LANGUAGES = { en: "English", de: "Deutsch", es: "Español", fr: "Français", ja: "日本語", zh: "中文" };

/** The code of the language spoken. */
export const language = chosen();
/** What dates and numbers are written by: the reader's own kind of the language. */
export const locale = navigator.languages.find((one) => codeOf(one) === language) ?? language;
const words = language === "en" ? {} : await learn();
const forms = new Intl.PluralRules(language);

document.documentElement.lang = language;
for (const part of document.querySelectorAll("[data-spoken]")) {
  if (part.ariaLabel) part.ariaLabel = words[part.ariaLabel] ?? part.ariaLabel;
  else part.textContent = words[part.textContent] ?? part.textContent;
}

/** A text in the reader's language; `{name}` in it stands for the value of that name, numbers as people write them. */
export function t(text, values = {}) {
  return filled(words[text] ?? text, values);
}

/** A text about `count` things, which is `{n}` in it: `one` is the English of one of them. */
export function n(count, one, many) {
  const known = words[many] ?? { one, other: many };
  const form = typeof known === "string" ? known : (known[forms.select(count)] ?? known.other);
  return filled(form, { n: count });
}

/** Speak another language from now on. */
export function speak(code) {
  localStorage.setItem(KEPT, code);
  location.reload();
}

/** A text with values in the place of their names. */
export function filled(text, values) {
  return text.replace(/\{(\w+)\}/g, (whole, name) => {
    const value = values[name];
    return value === undefined ? whole : typeof value === "number" ? value.toLocaleString(locale) : value;
  });
}

function chosen() {
  const wished = [localStorage.getItem(KEPT), ...navigator.languages].filter(Boolean).map(codeOf);
  return wished.find((code) => code in LANGUAGES) ?? "en";
}

function codeOf(tag) {
  return tag.toLowerCase().split("-")[0];
}

async function learn() {
  try {
    const answer = await fetch(`languages/${language}.json`);
    return answer.ok ? await answer.json() : {};
  } catch {
    return {}; // the page then says that the service is away, in English
  }
}
