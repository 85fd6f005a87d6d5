/** One picture of the grid. Its place is kept before it is there, so that nothing moves when it comes. */

import { button, element } from "./dom.js";
import { icon } from "./icons.js";
import { t } from "./language.js";
import { matchName } from "./match.js";
import { sideFor, thumbnail } from "./service.js";

const TRIES = 3;
const NARROWEST = 0.5; // shapes beyond these are shown cropped
const WIDEST = 3;

/** The last part of a path or address. */
export function fileName(uri) {
  return uri.split("/").filter(Boolean).at(-1) ?? uri;
}

/** What the picture shows, as far as anybody said; else its name. */
export function description(item) {
  const caption = item.captions[0];
  return (typeof caption === "string" ? caption : caption?.text) || fileName(item.uri);
}

/** A list item that opens the picture, chooses it, finds similar ones, and unfolds the group it stands for; `chosen(id)` tells whether it is chosen, `thumbs(id, words)` gives the buttons by which it is judged. `dress` gives it its picture once it has its size. */
export function tile(hit, { open, similar, chosen, eager, unfold, thumbs }) {
  const aspect = hit.width && hit.height ? hit.width / hit.height : 1;
  const shape = Math.min(WIDEST, Math.max(NARROWEST, aspect));
  const words = description(hit);
  const match = hit.score === undefined ? "" : matchName(hit) || hit.score.toFixed(2);
  const scored = match && `, ${matchName(hit) ? t("{how} match", { how: match }) : t("score {score}", { score: match })}`;
  const image = element("img", {
    alt: "",
    width: Math.round(shape * 300),
    height: 300,
    loading: eager ? "eager" : "lazy",
    decoding: "async",
  });
  const made = element(
    "div",
    { class: ["tile", hit.attributes?.favourite === true && "favourite", chosen(hit.id) && "chosen"].filter(Boolean).join(" "), role: "listitem", style: { "--shape": shape.toFixed(4) }, data: { id: hit.id } },
    element("button", { type: "button", class: "tile-open", "aria-label": `${words}${scored}`, on: { click: () => open(hit) } }, image),
    element("span", { class: "tile-words", "aria-hidden": "true" }, words),
    hit.score === undefined ? null : element("span", { class: "tile-score", "aria-hidden": "true", data: { match } }, match),
    hit.members > 1 ? button("", { text: String(hit.members), icon: icon("stack"), class: "tile-members", "aria-label": t("Show all {n} of {name}", { n: hit.members, name: words }), title: t("Show all {n}", { n: hit.members }), on: { click: () => unfold(hit) } }) : null,
    button(t("Choose {name}", { name: words }), { icon: icon("check"), class: "tile-check", role: "checkbox", tabindex: -1, "aria-checked": String(chosen(hit.id)) }),
    button(t("Similar to {name}", { name: words }), { icon: icon("similar"), class: "tile-similar", on: { click: () => similar(hit) } }),
    ...(hit.score === undefined || !thumbs ? [] : thumbs(hit.id, words)),
  );
  dressed.set(made, { hit, aspect, shape, side: 0, key: `${words}${scored} ${hit.attributes?.favourite} ${hit.thumbnail} ${hit.members}` });
  return made;
}

/** Whether two tiles show the same. */
export function sameTile(one, other) {
  return one !== undefined && dressed.has(one) && dressed.get(one).key === dressed.get(other).key;
}

/** Width over height, as the tile has it. */
export function shapeOf(made) {
  return dressed.get(made).shape;
}

/** Give a tile of this height a picture of its size in the screen's own pixels, never a smaller one. */
export function dress(made, height) {
  const known = dressed.get(made);
  if (!known.hit.thumbnail) return;
  const width = Math.max(height * known.shape, height * known.aspect) * (devicePixelRatio || 1); // it covers the tile
  const side = sideFor(Math.max(width, width / known.aspect), known.hit);
  if (side <= known.side) return;
  known.side = side;
  persist(made.querySelector("img"), thumbnail(known.hit, side));
}

const dressed = new WeakMap(); // tile → {hit, aspect, shape, side, key}

/** Load a picture, and try again a few times: a service under load refuses some of a page's many thumbnails. */
function persist(image, source) {
  const before = image.getAttribute("src");
  let tries = 0;
  image.onload = () => image.classList.add("there");
  image.onerror = () => {
    tries += 1;
    if (tries >= TRIES) {
      if (before) image.src = before; // smaller, and there
      else image.closest(".tile")?.classList.add("missing");
      return;
    }
    setTimeout(() => {
      if (image.src.includes(source)) image.src = `${source}&again=${tries}`;
    }, 700 * 2 ** tries);
  };
  image.src = source;
}
