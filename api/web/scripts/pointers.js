/** Pointer gestures over a plane: dragging moves it, two fingers zoom, and a drag may draw a box; a click stays a click. */

const STILL = 5; // pixels that a click may move

export class Pointers {
  /**
   * `draws(event)` tells whether a drag that begins draws a box; then `drew(from, to)` hears of it and `drawn(from, to)`
   * of its end, corners as [x, y]. Else `pan(dx, dy)` and `zoom(factor, x, y)` are called, and `moved()` after either.
   */
  constructor(plane, actions) {
    Object.assign(this, { plane, actions, down: new Map(), from: null, travelled: 0 });
    plane.addEventListener("pointerdown", (event) => this.#begin(event));
    plane.addEventListener("pointermove", (event) => this.#move(event));
    for (const name of ["pointerup", "pointercancel"]) plane.addEventListener(name, (event) => this.#end(event));
    plane.addEventListener("click", (event) => {
      if (this.travelled > STILL) event.stopPropagation(); // the end of a drag is no click
    }, { capture: true });
  }

  #at({ clientX, clientY }) {
    const { left, top } = this.plane.getBoundingClientRect();
    return [clientX - left, clientY - top];
  }

  #begin(event) {
    if (event.button !== 0) return;
    if (this.down.size === 0) this.travelled = 0;
    this.from = this.down.size === 0 && this.actions.draws(event) ? this.#at(event) : null;
    this.down.set(event.pointerId, this.#at(event));
  }

  #move(event) {
    const before = this.down.get(event.pointerId);
    if (before === undefined) return;
    const now = this.#at(event);
    this.travelled += Math.hypot(now[0] - before[0], now[1] - before[1]);
    if (this.travelled <= STILL) return;
    this.plane.setPointerCapture(event.pointerId); // from here on it is no click on what lies below
    const other = [...this.down].find(([id]) => id !== event.pointerId)?.[1];
    this.down.set(event.pointerId, now);
    if (this.from) {
      this.actions.drew(this.from, now);
      return;
    }
    if (other) {
      const apart = (one) => Math.hypot(one[0] - other[0], one[1] - other[1]) || 1;
      this.actions.zoom(apart(now) / apart(before), (now[0] + other[0]) / 2, (now[1] + other[1]) / 2);
    } else this.actions.pan(now[0] - before[0], now[1] - before[1]);
    this.actions.moved();
  }

  #end(event) {
    if (!this.down.delete(event.pointerId)) return;
    const { from } = this;
    this.from = null;
    if (from && event.type === "pointerup" && this.travelled > STILL) this.actions.drawn(from, this.#at(event));
  }
}
