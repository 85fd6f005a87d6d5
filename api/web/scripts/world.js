/**
 * The countries of the world as shapes on the Web Mercator projection, a square of side 1: x from the west, y from the north.
 *
 * They are Natural Earth's at 1:50 million, as TopoJSON (`world/`): arcs that neighbours share, as whole numbers, each
 * point told by its distance from the one before (TopoJSON Format Specification, 2.1.3 and 2.1.4).
 */

const FARTHEST = 85.051129; // degrees: the latitude at which the projection is a square

/** A longitude and a latitude, in degrees, on the projection. */
export function project(longitude, latitude) {
  const angle = (Math.min(FARTHEST, Math.max(-FARTHEST, latitude)) * Math.PI) / 180;
  return [(longitude + 180) / 360, 0.5 - Math.asinh(Math.tan(angle)) / (2 * Math.PI)];
}

/** The longitude and latitude of a point of the projection. */
export function unproject(x, y) {
  return [x * 360 - 180, (Math.atan(Math.sinh((0.5 - y) * 2 * Math.PI)) * 180) / Math.PI];
}

/** All countries as one path. Those that lie across 180° go on beyond the square, so it is drawn side by side with itself. */
export function countriesPath({ arcs, transform, objects }) {
  const lines = arcs.map((arc) => decoded(arc, transform));
  const path = new Path2D();
  for (const { type, arcs: parts } of objects.countries.geometries) {
    const polygons = type === "Polygon" ? [parts] : type === "MultiPolygon" ? parts : [];
    for (const ring of polygons.flat()) trace(path, ringOf(ring, lines));
  }
  return path;
}

/** The points of an arc, in degrees. */
function decoded(arc, { scale, translate }) {
  let [x, y] = [0, 0];
  return arc.map(([dx, dy]) => {
    x += dx;
    y += dy;
    return [x * scale[0] + translate[0], y * scale[1] + translate[1]];
  });
}

/** A ring of arcs, of which ~n is arc n backwards; each begins where the one before ended. Longitudes go on beyond 180°. */
export function ringOf(numbers, lines) {
  const points = [];
  for (const number of numbers) {
    const line = number < 0 ? lines[~number].toReversed() : lines[number];
    for (const [longitude, latitude] of points.length ? line.slice(1) : line) {
      const before = points.at(-1)?.[0] ?? longitude;
      points.push([longitude - 360 * Math.round((longitude - before) / 360), latitude]);
    }
  }
  const [first, last] = [points[0], points.at(-1)];
  if (Math.abs(last[0] - first[0]) > 180) points.push([last[0], -90], [first[0], -90]); // around the pole, of which there is the southern one
  const away = 360 * Math.round(points.reduce((sum, [longitude]) => sum + longitude, 0) / points.length / 360);
  return points.map(([longitude, latitude]) => [longitude - away, latitude]);
}

function trace(path, points) {
  for (const [place, [longitude, latitude]] of points.entries()) {
    const [x, y] = project(longitude, latitude);
    if (place === 0) path.moveTo(x, y);
    else path.lineTo(x, y);
  }
  path.closePath();
}

/** A window onto the map: `x`, `y` is its middle, `scale` the pixels of the whole world's width. */
export class WorldView {
  constructor() {
    Object.assign(this, { x: 0.5, y: 0.5, scale: 1, width: 1, height: 1 });
  }

  resize(width, height) {
    Object.assign(this, { width, height });
    this.#keep();
  }

  /** Pixels of a place, in that copy of the world which is nearest to the middle. */
  pixels(longitude, latitude) {
    const [x, y] = project(longitude, latitude);
    const over = x - this.x - Math.round(x - this.x);
    return [this.width / 2 + over * this.scale, this.height / 2 + (y - this.y) * this.scale];
  }

  /** The place at these pixels; the longitude within [-180, 180]. */
  place(px, py) {
    const [longitude, latitude] = unproject(this.x + (px - this.width / 2) / this.scale, this.y + (py - this.height / 2) / this.scale);
    return [longitude - 360 * Math.round(longitude / 360), latitude];
  }

  /** What is seen, and `margin` pixels around: {south, west, north, east}; west > east across 180°. */
  bounds(margin = 0) {
    return this.between([-margin, -margin], [this.width + margin, this.height + margin]);
  }

  /** The box between two corners in pixels. */
  between([left, top], [right, bottom]) {
    const [west, north] = this.place(Math.min(left, right), Math.min(top, bottom));
    const [east, south] = this.place(Math.max(left, right), Math.max(top, bottom));
    const whole = Math.abs(right - left) >= this.scale;
    return { south, west: whole ? -180 : west, north, east: whole ? 180 : east };
  }

  pan(dx, dy) {
    this.x -= dx / this.scale;
    this.y -= dy / this.scale;
    this.#keep();
  }

  /** Zoom by a factor, keeping what lies at these pixels in place. */
  zoomAt(factor, px, py) {
    const [dx, dy] = [px - this.width / 2, py - this.height / 2];
    const before = this.scale;
    this.scale = this.#bounded(before * factor);
    this.x += dx / before - dx / this.scale;
    this.y += dy / before - dy / this.scale;
    this.#keep();
  }

  /** Show a box, with room around it. */
  fit({ south, west, north, east }) {
    const [left, top] = project(west, north);
    const [right, bottom] = project(east < west ? east + 360 : east, south);
    this.scale = this.#bounded(0.7 * Math.min(this.width / Math.max(right - left, 1e-9), this.height / Math.max(bottom - top, 1e-9)));
    [this.x, this.y] = [(left + right) / 2, (top + bottom) / 2];
    this.#keep();
  }

  /** The zoom as the service counts it: the world is 256 · 2 ** zoom pixels wide. */
  get zoom() {
    return Math.min(20, Math.max(0, Math.round(Math.log2(this.scale / 256))));
  }

  #bounded(scale) {
    return Math.min(256 * 2 ** 18, Math.max(scale, this.width, this.height));
  }

  /** No farther away than the whole world, and no farther north or south than it goes. */
  #keep() {
    this.scale = this.#bounded(this.scale);
    this.x -= Math.floor(this.x);
    const half = this.height / 2 / this.scale;
    this.y = Math.min(1 - half, Math.max(half, this.y));
  }
}

/** Clusters as they are shown: those that would cover a larger one are counted with it. Each as {…, px, py, ids}. */
export function gathered(clusters, view, apart) {
  const shown = [];
  for (const cluster of clusters) {
    const [px, py] = view.pixels(cluster.longitude, cluster.latitude);
    const over = shown.find((one) => Math.hypot(one.px - px, one.py - py) < apart);
    if (over) Object.assign(over, { count: over.count + cluster.count, ...around(over, cluster) });
    else shown.push({ ...cluster, px, py });
  }
  return shown;
}

/** The box around two boxes, neither of which crosses 180°. */
export function around(one, other) {
  return { south: Math.min(one.south, other.south), west: Math.min(one.west, other.west), north: Math.max(one.north, other.north), east: Math.max(one.east, other.east) };
}
