/**
 * Pictures that were searched by, kept under a name made from what they hold: by this page, and in sessionStorage as
 * long as there is room, so that going back, forward and reloading find them. They are forgotten with the tab.
 */

const PREFIX = "vasari-picture-";
const terms = new Map();

/** Keep a term's picture; its name. */
export function keepPicture(term) {
  if (term.kept) return term.kept;
  term.kept = nameOf(term.image);
  terms.set(term.kept, term);
  store(term.kept, JSON.stringify({ image: term.image, name: term.name }));
  return term.kept;
}

/** The term of a kept picture; one that is not here any more has `lost` set and an empty image. */
export function keptPicture(kept) {
  const known = terms.get(kept) ?? stored(kept);
  if (known === null) return { image: "", name: "a picture that is gone", kept, lost: true };
  terms.set(kept, known);
  return { ...known, kept };
}

function stored(kept) {
  const read = sessionStorage.getItem(PREFIX + kept);
  if (read === null) return null;
  const { image, name } = JSON.parse(read);
  const bytes = Uint8Array.from(atob(image), (letter) => letter.charCodeAt(0));
  return { image, name, preview: URL.createObjectURL(new Blob([bytes])) };
}

/** Write, at the cost of the pictures that were kept before. */
function store(kept, written) {
  const older = Object.keys(sessionStorage).filter((name) => name.startsWith(PREFIX));
  for (;;) {
    try {
      sessionStorage.setItem(PREFIX + kept, written);
      return;
    } catch (error) {
      if (older.length === 0) return; // too large for this storage: the page itself still has it
      sessionStorage.removeItem(older.shift());
    }
  }
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
