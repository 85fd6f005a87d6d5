/** Problems: why a request failed, in the reader's language where the page knows its kind. */

import { filled, language, t } from "./language.js";

export const LOST = -1; // the status of a search by a picture that was dropped elsewhere

/** What the page says of problems that people meet, by the problem's name; of others the service's own sentence is shown. */
const SAID = {
  narrow: t("This key shows a part of the library, and that is about the whole of it."),
  scope: t("This key may not do that."),
  "no-key": t("This library is shown to those who have a key."),
  "wrong-key": t("This key is not known here, or was revoked."),
  "expired-key": t("This key has expired: ask for another."),
  "keys-needed": t("This library has no keys yet, so it is shown on its own machine only: `vasari keys create NAME` makes one."),
  "own-key-first": t("A link is a key, and from the first key on everybody needs one. Make yours before that:"),
  "read-only": t("This service changes nothing."),
  "no-roots": t("No folder may be indexed from here."),
  outside: t("That lies outside of the folders that are open here."),
  "no-file": t("The file of this picture cannot be read. It may have been moved, changed or deleted."),
  "not-found": t("That is not there, or not any more."),
  overloaded: t("Too much is asked of the service at once. Try again in a moment."),
  stopping: t("The service is being stopped."),
  "library-locked": t("Another job writes the library. Try again once it is done."),
  "library-corrupt": t("The library needs repair on its own machine."),
  storage: t("The disk of the service's machine is full, or cannot be written."),
  deadline: t("The answer was not ready in time. The next try may be quicker."),
  internal: t("The service made a mistake; its log says more."),
  "model-unavailable": t("The model {model} is not on the service's machine: `{command}` brings it."),
  "missing-extra": t("The package {package} is not installed on the service's machine."),
};

/** A problem document in the reader's language, as far as the page knows its kind and all that belongs to it. */
export function sentence(told) {
  const said = SAID[nameOf(told)];
  const known = said && [...said.matchAll(/\{(\w+)\}/g)].every(([, part]) => told[part]);
  if (known) return filled(said, told);
  return told.said ? spoken(told.said) : told.detail;
}

/** A sentence of the service, which comes in parts {text, values}, in the reader's language. */
export function spoken({ text, values }) {
  const told = Object.entries(values).map(([name, value]) => [name, Array.isArray(value) ? either(value.map((phrase) => t(phrase))) : value?.text ? spoken(value) : value]);
  return t(text.replace(/\{(\w+)[^}]*\}/g, "{$1}"), Object.fromEntries(told)); // {n:,} and {name!r} are written as the reader does
}

function either(phrases) {
  return new Intl.ListFormat(language, { type: "disjunction" }).format(phrases);
}

/** The last part of a problem's type. */
function nameOf({ type }) {
  return typeof type === "string" ? type.split(":").at(-1) : "";
}

/** A request that failed: `status` is 0 when the service could not be reached. */
export class Problem extends Error {
  constructor(status, words, { name = "", command = "" } = {}) {
    super(words);
    this.command = command; // what does the same, or what is missing, in a terminal of the service's machine
    this.status = status;
    this.name = name;
  }
}

/** The problem that an answer is. */
export async function problemOf(answer) {
  const told = await answer.json().catch(() => ({}));
  const words = sentence(told) ?? t("The service answered {status}.", { status: String(answer.status) });
  return new Problem(answer.status, words, { name: nameOf(told), command: told.command });
}
