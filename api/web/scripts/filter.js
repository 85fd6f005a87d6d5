/** Model of the filter panel: its wishes, and the filter text they make. Nothing of the page. */

/** No wishes: what a fresh page has. */
export function noWishes() {
  return { from: "", to: "", camera: [], folder: [], tag: [], caption: "", captioned: "", favourite: "", rating: "", album: [], person: [], city: [], country: [], place: "", filter: "" };
}

/** How many of the panel's fields say something. */
export function countWishes(wishes) {
  return Object.values(wishes).filter((wish) => (typeof wish === "string" ? wish.trim() : wish).length > 0).length;
}

/** What an address says of a field that holds one value; nothing where the field could not show it. */
export function wishOf(field, written) {
  if (field === "favourite") return written === "yes" ? written : "";
  if (field === "rating") return /^[1-5]$/.test(written) ? written : "";
  if (field === "filter") return written.trim();
  if (field === "place") return boxOf(written) ? written : "";
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

/** A box of the map as an address has it: south, west, north and east in degrees, to some ten metres. */
export function placeOf({ south, west, north, east }) {
  return [south, west, north, east].map((degrees) => String(Number(degrees.toFixed(4)))).join(",");
}

/** The box {south, west, north, east} that an address names; null for what is none. West > east crosses 180°. */
export function boxOf(written) {
  if (!/^-?\d{1,3}(\.\d{1,8})?(,-?\d{1,3}(\.\d{1,8})?){3}$/.test(written)) return null;
  const [south, west, north, east] = written.split(",").map(Number);
  const there = south <= north && Math.abs(south) <= 90 && Math.abs(north) <= 90 && Math.abs(west) <= 180 && Math.abs(east) <= 180;
  return there ? { south, west, north, east } : null;
}

function inBox({ south, west, north, east }) {
  const over = west <= east ? `longitude >= ${west} and longitude <= ${east}` : `(longitude >= ${west} or longitude <= ${east})`;
  return `latitude >= ${south} and latitude <= ${north} and ${over}`;
}

/** The filter text of the wishes, leaving out one field: its own counts are those it could be changed to. */
export function filterText(wishes, except = "") {
  const parts = [];
  const add = (field, part) => {
    if (field !== except && part) parts.push(part);
  };
  add("taken", wishes.from && `taken >= ${wishes.from}`);
  add("taken", wishes.to && `taken <= ${wishes.to}`);
  for (const field of ["camera", "tag", "album", "person", "city", "country"]) {
    if (wishes[field].length) add(field, `${field} in (${wishes[field].map(quote).join(", ")})`);
  }
  add("folder", any(wishes.folder.map((folder) => `folder:${quote(folder)}`)));
  const words = wishes.caption.trim().split(/\s+/).filter(Boolean);
  add("caption", words.map((word) => `caption:${quote(word)}`).join(" and "));
  add("caption", { yes: "exists(caption)", no: "not exists(caption)" }[wishes.captioned]);
  add("favourite", wishes.favourite && "favourite");
  add("rating", wishes.rating && `rating >= ${wishes.rating}`);
  const box = boxOf(wishes.place);
  add("place", box && inBox(box));
  add("filter", wishes.filter.trim() && `(${wishes.filter.trim()})`);
  return parts.join(" and ");
}

function any(parts) {
  return parts.length > 1 ? `(${parts.join(" or ")})` : (parts[0] ?? "");
}

/** The filter that accepts the items of one group; "" for a value that no filter can name. */
export function memberFilter(attribute, value) {
  if (typeof value === "string") return `${attribute} = ${quote(value)}`;
  return typeof value === "number" || typeof value === "boolean" ? `${attribute} = ${value}` : "";
}

/** A quoted value; what could be a wildcard is taken as the character it is. */
function quote(text) {
  return `"${text.replace(/[\\"'*?]/g, "\\$&")}"`;
}
