/**
 * Justified layout of the whole timeline from the shapes of its pictures: where each row and each month's heading
 * lies, to the pixel, before one picture is known. Nothing of the page.
 */

import { locale } from "./language.js";

const NARROWEST = 0.5;
const RANGE = 6; // the widest shape over the narrowest
const HEADING = 58; // pixels
const FIRST = 42; // of the one at the top, below which is no more room than below others

let format; // made when asked for, as a search names no month
const SHAPES = Float32Array.from({ length: 256 }, (_, code) => NARROWEST * RANGE ** (code / 255));

/** The name of a month such as 2024-05. */
export function monthName(month) {
  format ??= new Intl.DateTimeFormat(locale, { month: "long", year: "numeric", timeZone: "UTC" });
  return format.format(new Date(`${month}-15T00:00:00Z`));
}

/** The shapes, width over height, that a month's base64 stands for. */
export function shapesOf(written) {
  return Float32Array.from(atob(written), (letter) => SHAPES[letter.charCodeAt(0)]);
}

/**
 * Lines from top to bottom, {top, height, start, end, month}: pictures `start` to `end` of all, or, where these are
 * equal, a heading. `months` are {count, shapes}; rows are as wide as `width`, and about `row` pixels high.
 */
export function layOut(months, { width, row, gap }) {
  const lines = [];
  let top = 0;
  let start = 0;
  for (const [month, { count, shapes }] of months.entries()) {
    const heading = month === 0 ? FIRST : HEADING;
    lines.push({ top, height: heading, start, end: start, month });
    top += heading;
    for (let from = 0; from < count; ) {
      const { to, height } = rowFrom(shapes, from, { width, row, gap });
      lines.push({ top, height, start: start + from, end: start + to, month });
      top += height + gap;
      from = to;
    }
    start += count;
  }
  return { lines, height: top };
}

/** The row that begins with this picture: as many as make it about as high as rows are; the last of a month may be short. */
function rowFrom(shapes, from, { width, row, gap }) {
  let sum = 0;
  let before = Infinity;
  for (let to = from + 1; to <= shapes.length; to += 1) {
    sum += shapes[to - 1];
    const height = (width - gap * (to - from - 1)) / sum;
    if (height <= row) {
      const fewer = to - 1 > from && before / row < row / height;
      return fewer ? { to: to - 1, height: before } : { to, height };
    }
    before = height;
  }
  return { to: shapes.length, height: row };
}

/** The place among lines, ordered by top, of the last that begins at or above `y`. */
export function lineAt(lines, y) {
  let [low, high] = [0, lines.length - 1];
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (lines[middle].top <= y) low = middle;
    else high = middle - 1;
  }
  return low;
}

/** The place among lines of the row with this picture. */
export function lineOf(lines, index) {
  let [low, high] = [0, lines.length - 1];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (lines[middle].end > index) high = middle;
    else low = middle + 1;
  }
  return low;
}
