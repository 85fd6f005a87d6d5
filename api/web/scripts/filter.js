/** The wishes of the filter panel, and the filter text they make. Nothing of the page. */

/** No wishes: what a fresh page has. */
export function noWishes() {
  return { from: "", to: "", camera: [], folder: [], tag: [], caption: "", captioned: "" };
}

/** How many of the panel's fields say something. */
export function countWishes(wishes) {
  return Object.values(wishes).filter((wish) => wish.length > 0).length;
}

/** The filter text of the wishes, leaving out one field: its own counts are those it could be changed to. */
export function filterText(wishes, except = "") {
  const parts = [];
  const add = (field, part) => {
    if (field !== except && part) parts.push(part);
  };
  add("taken", wishes.from && `taken >= ${day(wishes.from)}`);
  add("taken", wishes.to && `taken <= ${day(wishes.to)}`);
  for (const field of ["camera", "tag"]) {
    if (wishes[field].length) add(field, `${field} in (${wishes[field].map(quote).join(", ")})`);
  }
  add("folder", any(wishes.folder.map((folder) => `folder:${quote(folder)}`)));
  const words = wishes.caption.trim().split(/\s+/).filter(Boolean);
  add("caption", words.map((word) => `caption:${quote(word)}`).join(" and "));
  add("caption", { yes: "exists(caption)", no: "not exists(caption)" }[wishes.captioned]);
  return parts.join(" and ");
}

function day(value) {
  return /^\d{4}(-\d\d){0,2}$/.test(value) ? value : "1000";
}

function any(parts) {
  return parts.length > 1 ? `(${parts.join(" or ")})` : (parts[0] ?? "");
}

/** A quoted value; what could be a wildcard is taken as the character it is. */
function quote(text) {
  return `"${text.replace(/[\\"'*?]/g, "\\$&")}"`;
}
