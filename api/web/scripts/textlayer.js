/** The text that was read in a picture: laid over it where it stands, to be selected and copied, and as a list. */

import { announce, button, element, shown } from "./dom.js";
import { t } from "./language.js";

const SVG = "http://www.w3.org/2000/svg";

/** Letters over the picture, not seen but selectable, in its own pixels; null where there is no text. */
export function textLayer({ text_lines: lines, width, height }) {
  if (!lines?.length || !width || !height) return null;
  return drawn("svg", { viewBox: `0 0 ${width} ${height}`, class: "text-layer", "aria-hidden": "true" }, ...lines.map(overLine));
}

/** The lines as a section of what is known; null where there are none. */
export function textSection({ text_lines: lines }) {
  if (!lines?.length) return null;
  const copy = button(t("Copy text"), { text: t("Copy text"), class: "small", on: { click: async () => {
    await navigator.clipboard.writeText(lines.map(({ text }) => text).join("\n"));
    announce(t("Text copied"));
  } } });
  copy.hidden = !navigator.clipboard; // browsers offer it to secure pages only
  return element("section", {}, element("h3", {}, t("Text in the picture")),
    element("ul", { class: "text-lines" }, ...lines.map(({ text }) => element("li", {}, text))), copy);
}

/** A line as wide and high as its box, turned as that is. */
function overLine({ text, corners: [[x, y], [right, rightY], , [below, belowY]] }) {
  const width = Math.max(1, Math.hypot(right - x, rightY - y));
  const height = Math.max(1, Math.hypot(below - x, belowY - y));
  const matrix = [(right - x) / width, (rightY - y) / width, (below - x) / height, (belowY - y) / height, x, y];
  return drawn("g", { transform: `matrix(${matrix.join(" ")})` },
    drawn("rect", { width, height }),
    drawn("text", { y: 0.8 * height, "font-size": height, textLength: width, lengthAdjust: "spacingAndGlyphs" }, shown(text)));
}

function drawn(name, attributes, ...children) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}
