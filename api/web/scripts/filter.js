/** Model of the filter panel: its wishes, and the filter text they make. Nothing of the page. */

/** No wishes: what a fresh page has. */
export function noWishes() {
  return { from: "", to: "", camera: [], folder: [], tag: [], caption: "", captioned: "" };
}

/** How many of the panel's fields say something. */
export function countWishes(wishes) {
  return Object.values(wishes).filter((wish) => (typeof wish === "string" ? wish.trim() : wish).length > 0).length;
}

/** What an address says of a field that holds one value; nothing where the field could not show it. */
export function wishOf(field, written) {
  if (field === "captioned") return ["yes", "no"].includes(written) ? written : "";
  if (field === "caption") return written.trim();
  return dayOf(written, "from") ? written : "";
}

/** The first ("from") or last ("to") day of what a date names: a year, a month, or a day; "" for what is no date. */
export function dayOf(written, end) {
  if (!/^\d{4}(-\d\d){0,2}$/.test(written) || written.startsWith("0000")) return "";
  const [year, month = end === "to" ? "12" : "01", given] = written.split("-");
  const days = new Date(Date.UTC(2000 + (Number(year) % 400), Number(month), 0)).getUTCDate(); // of calendars there are 400
  const day = given ?? (end === "to" ? String(days) : "01");
  const there = month >= "01" && month <= "12" && day >= "01" && Number(day) <= days;
  return there ? `${year}-${month}-${day}` : "";
}

/** The filter text of the wishes, leaving out one field: its own counts are those it could be changed to. */
export function filterText(wishes, except = "") {
  const parts = [];
  const add = (field, part) => {
    if (field !== except && part) parts.push(part);
  };
  add("taken", wishes.from && `taken >= ${wishes.from}`);
  add("taken", wishes.to && `taken <= ${wishes.to}`);
  for (const field of ["camera", "tag"]) {
    if (wishes[field].length) add(field, `${field} in (${wishes[field].map(quote).join(", ")})`);
  }
  add("folder", any(wishes.folder.map((folder) => `folder:${quote(folder)}`)));
  const words = wishes.caption.trim().split(/\s+/).filter(Boolean);
  add("caption", words.map((word) => `caption:${quote(word)}`).join(" and "));
  add("caption", { yes: "exists(caption)", no: "not exists(caption)" }[wishes.captioned]);
  return parts.join(" and ");
}

function any(parts) {
  return parts.length > 1 ? `(${parts.join(" or ")})` : (parts[0] ?? "");
}

/** A quoted value; what could be a wildcard is taken as the character it is. */
function quote(text) {
  return `"${text.replace(/[\\"'*?]/g, "\\$&")}"`;
}
