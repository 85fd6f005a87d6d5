/**
 * Rows of pictures. A row is as wide as the page once it is full; until the next page of results fills it, the last
 * one is held back, so that no picture that is shown changes its size or its place.
 */

/** Hold the last row back, unless nothing more will come. */
export function hold(grid, ended) {
  for (const tile of grid.querySelectorAll(".held")) tile.classList.remove("held");
  grid.classList.toggle("ended", ended);
  const last = grid.lastElementChild;
  if (ended || last === null || last.offsetTop === grid.firstElementChild.offsetTop) return;
  const row = [];
  for (let tile = last; tile.offsetTop === last.offsetTop; tile = tile.previousElementSibling) row.push(tile);
  for (const tile of row) tile.classList.add("held");
}

/** The last tile that is shown. */
export function lastOfRow(grid) {
  return [...grid.children].findLast((tile) => !tile.classList.contains("held"));
}

/** The one of the next row that lies closest to the middle of `tiles[place]`. */
export function nearest(tiles, place, down) {
  const here = tiles[place].getBoundingClientRect();
  const middle = (here.left + here.right) / 2;
  const beyond = (box) => (down ? box.top > here.top + 4 : box.top < here.top - 4);
  const boxes = tiles.map((one) => [one, one.getBoundingClientRect()]).filter(([, box]) => beyond(box));
  const tops = boxes.map(([, box]) => box.top);
  const row = down ? Math.min(...tops) : Math.max(...tops);
  const distance = ([, box]) => Math.abs((box.left + box.right) / 2 - middle);
  return boxes.filter(([, box]) => Math.abs(box.top - row) < 4).sort((one, other) => distance(one) - distance(other))[0]?.[0];
}
