/** One picture of the grid. Its place is kept before it is there, so that nothing moves when it comes. */

import { button, element } from "./dom.js";
import { icon } from "./icons.js";
import { thumbnail } from "./service.js";

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

/** A list item that opens the picture, and finds similar ones. */
export function tile(hit, { open, similar, eager }) {
  const aspect = hit.width && hit.height ? hit.width / hit.height : 1;
  const shape = Math.min(WIDEST, Math.max(NARROWEST, aspect));
  const words = description(hit);
  const scored = hit.score === undefined ? "" : `, score ${hit.score.toFixed(2)}`;
  const image = element("img", {
    alt: "",
    width: Math.round(shape * 300),
    height: 300,
    loading: eager ? "eager" : "lazy",
    decoding: "async",
  });
  persist(image, thumbnail(hit, 640), `${thumbnail(hit, 320)} 320w, ${thumbnail(hit, 640)} 640w`);
  return element(
    "li",
    { class: "tile", style: { "--shape": shape.toFixed(4) }, data: { id: hit.id } },
    element("button", { type: "button", class: "tile-open", "aria-label": `${words}${scored}`, on: { click: () => open(hit) } }, image),
    element("span", { class: "tile-words", "aria-hidden": "true" }, words),
    hit.score === undefined ? null : element("span", { class: "tile-score", "aria-hidden": "true" }, hit.score.toFixed(2)),
    button(`Similar to ${words}`, { icon: icon("similar"), class: "tile-similar", on: { click: () => similar(hit) } }),
  );
}

/** Load a picture, and try again a few times: a service under load refuses some of a page's many thumbnails. */
function persist(image, source, choices) {
  let tries = 0;
  image.sizes = "(max-width: 600px) 160px, 320px";
  image.srcset = choices;
  image.src = source;
  image.addEventListener("load", () => image.classList.add("there"));
  image.addEventListener("error", () => {
    tries += 1;
    if (tries >= TRIES) {
      image.closest(".tile")?.classList.add("missing");
      return;
    }
    setTimeout(() => {
      image.removeAttribute("srcset");
      image.src = `${source}&again=${tries}`;
    }, 700 * 2 ** tries);
  });
}
