/** What is known of an item, for people to read. */

import { element } from "./dom.js";

const DATE = new Intl.DateTimeFormat(undefined, { dateStyle: "long", timeStyle: "short" });
const LANGUAGES = new Intl.DisplayNames(undefined, { type: "language" });
const NAMED = new Set(["taken", "utc_offset", "make", "camera", "lens", "exposure_seconds", "f_number", "iso",
  "focal_length_mm", "focal_length_35mm", "latitude", "longitude"]);

/** Sections about an item: captions, tags, details. */
export function facts(item, score) {
  return [captions(item.captions), tags(item.tags), details(item, score)].filter(Boolean);
}

function captions(all) {
  if (!all.length) return null;
  return element("section", {}, element("h3", {}, all.length > 1 ? "Captions" : "Caption"),
    element("ul", { class: "captions" }, ...all.map(({ text, language, source }) =>
      element("li", { lang: language },
        text,
        source === "model" || language
          ? element("span", { class: "aside", lang: "en" }, [language && languageName(language), source === "model" && "by a model"].filter(Boolean).join(", "))
          : null))));
}

function tags(all) {
  if (!all.length) return null;
  return element("section", {}, element("h3", {}, "Tags"),
    element("ul", { class: "tags" }, ...all.map((tag) => element("li", {}, tag))));
}

function details(item, score) {
  const known = item.attributes;
  const rows = [
    score !== undefined && ["Score", score.toFixed(3)],
    known.taken && ["Taken", dateOf(known.taken)],
    known.camera && ["Camera", known.camera],
    known.lens && ["Lens", known.lens],
    ["Exposure", exposure(known)],
    known.latitude !== undefined && known.longitude !== undefined && ["Place", `${degrees(known.latitude)}, ${degrees(known.longitude)}`],
    item.width && ["Size", `${item.width} × ${item.height} pixels, ${bytes(item.bytes)}`],
    item.format && ["Format", item.format.toUpperCase()],
    item.text && ["Text", item.text],
    ...Object.entries(known).filter(([name]) => !NAMED.has(name)).map(([name, value]) => [name.replaceAll("_", " "), written(value)]),
    ["Where", item.uri],
    item.added_at && ["Added", DATE.format(new Date(item.added_at))],
  ];
  return element("section", {}, element("h3", {}, "Details"),
    element("dl", {}, ...rows.filter((row) => row && row[1]).flatMap(([name, value]) => [element("dt", {}, name), element("dd", {}, value)])));
}

function exposure(known) {
  const seconds = known.exposure_seconds;
  return [
    seconds && (seconds < 1 ? `1/${Math.round(1 / seconds)} s` : `${seconds} s`),
    known.f_number && `f/${known.f_number}`,
    known.iso && `ISO ${known.iso}`,
    known.focal_length_mm && `${known.focal_length_mm} mm`,
  ].filter(Boolean).join("  ");
}

function dateOf(taken) {
  const moment = new Date(taken);
  return Number.isNaN(moment.getTime()) ? taken : DATE.format(moment);
}

function degrees(number) {
  return `${Number(number).toFixed(4)}°`;
}

function bytes(count) {
  if (count < 1000) return `${count} bytes`;
  return count < 1e6 ? `${Math.round(count / 1000)} kB` : `${(count / 1e6).toFixed(1)} MB`;
}

function languageName(code) {
  try {
    return LANGUAGES.of(code);
  } catch {
    return code;
  }
}

function written(value) {
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}
