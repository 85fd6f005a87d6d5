/**
 * Pictures that were searched by, kept under a name made from what they hold: by this page, and in this browser's
 * IndexedDB up to a number and a size, so that going back, reloading, and the recent searches of another day find them.
 */

import { t } from "./language.js";

const MOST = 24; // pictures
const LETTERS = 24_000_000; // of all of them, in base64
const terms = new Map();

/** Keep a term's picture; its name. */
export function keepPicture(term) {
  if (term.kept) return term.kept;
  term.kept = nameOf(term.image);
  if (!terms.has(term.kept)) {
    terms.set(term.kept, term);
    store(term).catch(() => {}); // where nothing can be stored, this page still has it
  }
  return term.kept;
}

/** The term of a kept picture; one that is not here (any more, or before `recall`) has `lost` set and an empty image. */
export function keptPicture(kept) {
  const known = terms.get(kept);
  return known ? { ...known, kept } : { image: "", name: t("a picture that is gone"), kept, lost: true };
}

/** Have these kept pictures at hand, as far as they are kept. */
export async function recall(names) {
  const wanted = names.filter((kept) => !terms.has(kept));
  if (wanted.length) await fetchAll(wanted).catch(() => {});
}

/** Keep none of them any longer. */
export async function forgetPictures() {
  await ask("readwrite", (pictures) => pictures.clear()).catch(() => {});
}

async function fetchAll(names) {
  for (const kept of names) {
    const found = await ask("readonly", (pictures) => pictures.get(kept));
    if (!found) continue;
    const bytes = Uint8Array.from(atob(found.image), (letter) => letter.charCodeAt(0));
    terms.set(kept, { image: found.image, name: found.name, weight: 1, preview: URL.createObjectURL(new Blob([bytes])) });
  }
}

/** Put one more into the database; the oldest make room for it. */
async function store({ kept, image, name }) {
  await ask("readwrite", (pictures) => pictures.put({ kept, image, name, letters: image.length, at: Date.now() }));
  const all = await ask("readonly", (pictures) => pictures.index("at").getAll());
  let [count, letters] = [0, 0];
  for (const one of all.toReversed()) {
    count += 1;
    letters += one.letters;
    if (count > MOST || letters > LETTERS) await ask("readwrite", (pictures) => pictures.delete(one.kept));
  }
}

/** The answer to one request to the store of pictures, once its transaction is done. */
async function ask(mode, request) {
  const database = await opened();
  try {
    const transaction = database.transaction("pictures", mode);
    const asked = request(transaction.objectStore("pictures"));
    await new Promise((resolve, reject) => {
      transaction.addEventListener("complete", resolve);
      for (const failed of ["abort", "error"]) transaction.addEventListener(failed, () => reject(transaction.error));
    });
    return asked.result;
  } finally {
    database.close();
  }
}

function opened() {
  return new Promise((resolve, reject) => {
    const opening = indexedDB.open("vasari", 1);
    opening.addEventListener("upgradeneeded", () => opening.result.createObjectStore("pictures", { keyPath: "kept" }).createIndex("at", "at"));
    opening.addEventListener("success", () => resolve(opening.result));
    for (const failed of ["error", "blocked"]) opening.addEventListener(failed, () => reject(opening.error));
  });
}

/** A hash of a text (cyrb53): short, and different for different pictures; nothing secret depends on it. */
function nameOf(text) {
  let [one, other] = [0xdeadbeef, 0x41c6ce57];
  for (let place = 0; place < text.length; place += 1) {
    const code = text.charCodeAt(place);
    one = Math.imul(one ^ code, 2654435761);
    other = Math.imul(other ^ code, 1597334677);
  }
  one = Math.imul(one ^ (one >>> 16), 2246822507) ^ Math.imul(other ^ (other >>> 13), 3266489909);
  other = Math.imul(other ^ (other >>> 16), 2246822507) ^ Math.imul(one ^ (one >>> 13), 3266489909);
  return (4294967296 * (2097151 & other) + (one >>> 0)).toString(36);
}
