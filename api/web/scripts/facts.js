/** What is known of an item, for people to read. */

import { element } from "./dom.js";
import { locale, t } from "./language.js";
import { matchName } from "./match.js";
import { textSection } from "./textlayer.js";

// Made when asked for: the first of them takes a browser 40 ms.
const date = (moment) => new Intl.DateTimeFormat(locale, { dateStyle: "long", timeStyle: "short" }).format(moment);
const NAMED = new Set(["favourite", "rating", "taken", "utc_offset", "make", "camera", "lens", "exposure_seconds", "f_number", "iso",
  "focal_length_mm", "focal_length_35mm", "latitude", "longitude"]);

/** Sections about an item: captions, tags (not where they stand above, to be changed), text in the picture, details. */
export function facts(item, hit, changeable) {
  return [captions(item.captions), changeable ? null : tags(item.tags), textSection(item), details(item, hit)].filter(Boolean);
}

function captions(all) {
  if (!all.length) return null;
  return element("section", {}, element("h3", {}, all.length > 1 ? t("Captions") : t("Caption")),
    element("ul", { class: "captions" }, ...all.map(({ text, language, source }) =>
      element("li", { lang: language },
        text,
        source === "model" || language
          ? element("span", { class: "aside", lang: "en" }, [language && languageName(language), source === "model" && t("by a model")].filter(Boolean).join(", "))
          : null))));
}

function tags(all) {
  if (!all.length) return null;
  return element("section", {}, element("h3", {}, t("Tags")),
    element("ul", { class: "tags", "aria-label": t("Tags") }, ...all.map((tag) => element("li", {}, tag))));
}

function details(item, hit) {
  const score = hit?.score;
  const known = item.attributes;
  const rows = [
    score !== undefined && [t("Score"), [matchName(hit) && t("{how} match", { how: matchName(hit) }), score.toFixed(3)].filter(Boolean).join(", ")],
    typeof known.rating === "number" && [t("Rating"), known.rating < 0 ? t("rejected") : t("{n} of 5", { n: known.rating })],
    known.taken && [t("Taken"), dateOf(known.taken)],
    known.camera && [t("Camera"), known.camera],
    known.lens && [t("Lens"), known.lens],
    [t("Exposure"), exposure(known)],
    known.latitude !== undefined && known.longitude !== undefined && [t("Place"), `${degrees(known.latitude)}, ${degrees(known.longitude)}`],
    item.width && [t("Size"), t("{width} × {height} pixels, {bytes}", { width: String(item.width), height: String(item.height), bytes: bytes(item.bytes) })],
    item.format && [t("Format"), item.format.toUpperCase()],
    item.text && [t("Text"), item.text],
    ...Object.entries(known).filter(([name]) => !NAMED.has(name)).map(([name, value]) => [name.replaceAll("_", " "), written(value)]),
    [t("Where"), item.uri],
    item.added_at && [t("Added"), date(new Date(item.added_at))],
  ];
  return element("section", {}, element("h3", {}, t("Details")),
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
  return Number.isNaN(moment.getTime()) ? taken : date(moment);
}

function degrees(number) {
  return `${Number(number).toFixed(4)}°`;
}

function bytes(count) {
  if (count < 1000) return t("{n} bytes", { n: count });
  return count < 1e6 ? `${Math.round(count / 1000)} kB` : `${(count / 1e6).toFixed(1)} MB`;
}

function languageName(code) {
  try {
    return new Intl.DisplayNames(locale, { type: "language" }).of(code);
  } catch {
    return code;
  }
}

/** A value as people read it. */
export function written(value) {
  if (typeof value === "number") return String(Number(value.toFixed(5))); // of degrees: a metre
  if (typeof value === "object") return JSON.stringify(value);
  return /^\d{4}-\d\d-\d\dT\d\d:/.test(value) ? value.replace("T", " ") : String(value);
}
