/**
 * Rows of pictures, each as wide as the page. A row is laid out once and for all: the pictures that do not fill one
 * wait for the next page of results, so that none that is shown changes its size or its place.
 */

import { element } from "./dom.js";
import { dress, shapeOf } from "./tile.js";

export class Rows {
  constructor(grid) {
    this.grid = grid;
    this.tiles = [];
    new ResizeObserver(() => this.width !== grid.clientWidth && this.#anew()).observe(grid);
  }

  /** Show these tiles and no others; with `ended`, no more will come. */
  replace(tiles, ended) {
    this.tiles = tiles;
    this.ended = ended;
    this.#anew();
  }

  /** Show these tiles below the others. */
  append(tiles, ended) {
    this.tiles.push(...tiles);
    this.ended = ended;
    const waiting = this.grid.querySelector(".held");
    const rest = [...(waiting?.children ?? []), ...tiles];
    waiting?.remove();
    this.#lay(rest);
  }

  /** The tile beside the one that has the focus: "left", "right", "up", "down". Without one, the first in view. */
  beside(direction) {
    const here = document.activeElement?.closest(".tile");
    if (!here || !this.grid.contains(here)) return this.#shown().find((tile) => tile.getBoundingClientRect().bottom > 0);
    const row = here.parentElement;
    const [before, after] = [row.previousElementSibling, row.nextElementSibling?.matches(".held") ? null : row.nextElementSibling];
    switch (direction) {
      case "left":
        return here.previousElementSibling ?? before?.lastElementChild;
      case "right":
        return here.nextElementSibling ?? after?.firstElementChild;
      default:
        return below(here, direction === "up" ? before : after);
    }
  }

  /** The tile of an item; the last one that is shown for one that waits. */
  of(id) {
    const found = this.grid.querySelector(`[data-id="${Number(id)}"]`);
    return found?.closest(".held") ? this.#shown().at(-1) : found;
  }

  #shown() {
    return [...this.grid.querySelectorAll(".row:not(.held) .tile")];
  }

  #anew() {
    const style = getComputedStyle(this.grid);
    this.width = this.grid.clientWidth;
    this.height = parseFloat(style.getPropertyValue("--row"));
    this.gap = parseFloat(style.rowGap);
    this.grid.replaceChildren();
    this.#lay(this.tiles);
  }

  #lay(tiles) {
    const rows = [];
    let rest = tiles;
    for (let end = this.#full(rest); end > 0; end = this.#full(rest)) {
      rows.push(this.#row(rest.slice(0, end)));
      rest = rest.slice(end);
    }
    if (rest.length) rows.push(this.#row(rest, this.ended ? "short" : "held"));
    this.grid.append(...rows);
  }

  /** How many of the tiles make a full row, of nearly the usual height; 0 when they are too few. */
  #full(tiles) {
    let shapes = 0;
    for (const [place, tile] of tiles.entries()) {
      const before = this.#heightOf(place, shapes);
      shapes += shapeOf(tile);
      const height = this.#heightOf(place + 1, shapes);
      if (height <= this.height) return place > 0 && before / this.height < this.height / height ? place : place + 1;
    }
    return 0;
  }

  #heightOf(count, shapes) {
    return (this.width - this.gap * (count - 1)) / shapes;
  }

  #row(tiles, kind = "") {
    const height = kind ? this.height : this.#heightOf(tiles.length, tiles.reduce((sum, tile) => sum + shapeOf(tile), 0));
    if (kind !== "held") for (const tile of tiles) dress(tile, height);
    return element("div", { class: `row ${kind}`, role: "presentation", style: { height: `${height}px` } }, ...tiles);
  }
}

/** The tile of another row that lies closest to the middle of this one. */
function below(here, row) {
  const middle = (tile) => tile.offsetLeft + tile.offsetWidth / 2;
  const distance = (tile) => Math.abs(middle(tile) - middle(here));
  return [...(row?.children ?? [])].sort((one, other) => distance(one) - distance(other))[0];
}
