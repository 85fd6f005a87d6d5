/** Viewport transforms of the likeness map: a view onto a plane, and which of its points get a picture. */

const MOST_PICTURES = 400;
const CLOSEST = 60; // times the size at which everything fits

/** A window onto points in [-1, 1]²: `x`, `y` is the plane's point in the middle, `zoom` 1 shows all. */
export class View {
  constructor() {
    this.reset();
  }

  reset() {
    Object.assign(this, { x: 0, y: 0, zoom: 1 });
  }

  resize(width, height) {
    Object.assign(this, { width, height });
  }

  get scale() {
    return (Math.min(this.width, this.height) / 2) * 0.9 * this.zoom;
  }

  /** Pixels of a point; the wider side of the window is used by stretching the plane to its shape. */
  project(x, y) {
    return [this.width / 2 + (x - this.x) * this.scale * this.stretch[0], this.height / 2 + (y - this.y) * this.scale * this.stretch[1]];
  }

  get stretch() {
    const shape = this.width / this.height;
    return shape > 1 ? [Math.min(shape, 1.8), 1] : [1, Math.min(1 / shape, 1.8)];
  }

  pan(dx, dy) {
    this.x -= dx / this.scale / this.stretch[0];
    this.y -= dy / this.scale / this.stretch[1];
  }

  /** Zoom by a factor, keeping what lies at these pixels in place. */
  zoomAt(factor, px, py) {
    const zoom = Math.min(CLOSEST, Math.max(1, this.zoom * factor));
    const [dx, dy] = [px - this.width / 2, py - this.height / 2];
    this.pan(-dx, -dy);
    this.zoom = zoom;
    this.pan(dx, dy);
    if (zoom === 1) this.reset();
  }
}

/** Points moved so that they fill [-1, 1]², each axis for itself. */
export function spread(points) {
  const fit = (axis) => {
    const values = points.map((point) => point[axis]);
    const [low, high] = [values.reduce((one, other) => Math.min(one, other), 1), values.reduce((one, other) => Math.max(one, other), -1)];
    return high > low ? (value) => (2 * (value - low)) / (high - low) - 1 : () => 0;
  };
  const [x, y] = [fit("x"), fit("y")];
  return points.map((point) => ({ id: point.id, x: x(point.x), y: y(point.y) }));
}

/** The points inside the window, each as {id, px, py, pictured}: a picture where none covers another. */
export function arrange(points, view, side) {
  const taken = new Set();
  const shown = [];
  let pictured = 0;
  for (const { id, x, y } of points) {
    const [px, py] = view.project(x, y);
    if (px < -side || py < -side || px > view.width + side || py > view.height + side) continue;
    const [column, row] = [Math.floor(px / (side * 0.6)), Math.floor(py / (side * 0.6))];
    const cell = `${column},${row}`;
    const free = pictured < MOST_PICTURES && !taken.has(cell);
    if (free) {
      taken.add(cell);
      pictured += 1;
    }
    shown.push({ id, px, py, pictured: free });
  }
  return shown;
}

/** The shown point next to these pixels, within `reach` pixels. */
export function closest(shown, px, py, reach) {
  let best;
  let least = reach;
  for (const point of shown) {
    const distance = Math.hypot(point.px - px, point.py - py) - (point.pictured ? reach / 2 : 0);
    if (distance < least) [best, least] = [point, distance];
  }
  return best;
}

/** The next shown point in a direction ([-1, 0] is left), seen from another one. */
export function beside(shown, from, [dx, dy]) {
  const cost = (point) => {
    const along = (point.px - from.px) * dx + (point.py - from.py) * dy;
    const across = Math.abs((point.px - from.px) * dy) + Math.abs((point.py - from.py) * dx);
    return along > 1 ? along + 2 * across : Infinity;
  };
  return shown.filter((point) => cost(point) < Infinity).sort((one, other) => cost(one) - cost(other))[0];
}
