/** Zoom and pan: into the viewer's picture, by wheel, double click, two fingers, or key; its original comes as one goes in. */

const MOST = 3; // times the original's own pixels
const STEP = 1.5;

export class Zoom {
  /** `frame` lies in `stage` and is what is enlarged; `closer()` is called once more pixels are wanted. */
  constructor(stage, frame, { closer }) {
    Object.assign(this, { stage, frame, closer });
    this.fingers = new Map();
    this.reset();
    this.#listen();
  }

  get active() {
    return this.scale > 1.001;
  }

  /** Show the whole picture; `width` are its own pixels. */
  reset(width = 0) {
    Object.assign(this, { scale: 1, x: 0, y: 0, width });
    this.#apply();
  }

  /** Enlarge by a factor; what lies at a place of the screen stays there, or what lies in the middle. */
  by(factor, clientX, clientY) {
    const box = this.stage.getBoundingClientRect();
    const [x, y] = [(clientX ?? box.left + box.width / 2) - box.left - box.width / 2, (clientY ?? box.top + box.height / 2) - box.top - box.height / 2];
    const scale = Math.min(this.#most(), Math.max(1, this.scale * factor));
    const grown = scale / this.scale;
    this.x = x - (x - this.x) * grown;
    this.y = y - (y - this.y) * grown;
    this.scale = scale;
    this.#apply();
    if (this.active) this.closer();
  }

  /** One pixel of the original on one of the screen; the whole picture if it is enlarged already. */
  toggle(clientX, clientY) {
    if (this.active) this.reset(this.width);
    else this.by(Math.max(2, this.#own()), clientX, clientY);
  }

  in() {
    this.by(STEP);
  }

  out() {
    this.by(1 / STEP);
  }

  /** The scale at which a pixel of the original is one of the screen. */
  #own() {
    return this.width / ((this.frame.offsetWidth || 1) * (devicePixelRatio || 1));
  }

  #most() {
    return Math.max(2, MOST * this.#own());
  }

  /** The picture is never moved further than its edge. */
  #apply() {
    const room = (size, whole) => Math.max(0, (size * this.scale - whole) / 2);
    const [across, down] = [room(this.frame.offsetWidth, this.stage.clientWidth), room(this.frame.offsetHeight, this.stage.clientHeight)];
    this.x = Math.min(across, Math.max(-across, this.x));
    this.y = Math.min(down, Math.max(-down, this.y));
    this.frame.style.setProperty("transform", this.active ? `translate(${this.x}px, ${this.y}px) scale(${this.scale})` : "none");
    this.stage.classList.toggle("zoomed", this.active);
  }

  #listen() {
    this.stage.addEventListener("wheel", (event) => {
      event.preventDefault();
      this.by(1.0015 ** -event.deltaY, event.clientX, event.clientY);
    }, { passive: false });
    this.stage.addEventListener("dblclick", (event) => event.target.closest("button, text") || this.toggle(event.clientX, event.clientY));
    this.stage.addEventListener("dragstart", (event) => event.preventDefault());
    this.stage.addEventListener("pointerdown", (event) => {
      if (event.target.closest("button")) return;
      this.moved = false;
      this.fingers.set(event.pointerId, { x: event.clientX, y: event.clientY });
    });
    addEventListener("pointermove", (event) => this.fingers.has(event.pointerId) && this.#drag(event));
    for (const ended of ["pointerup", "pointercancel"]) addEventListener(ended, (event) => this.fingers.delete(event.pointerId));
    this.stage.addEventListener("click", (event) => this.moved && event.stopPropagation(), { capture: true }); // a drag is no click
  }

  #drag(event) {
    const before = this.fingers.get(event.pointerId);
    const here = { x: event.clientX, y: event.clientY };
    const other = [...this.fingers].find(([id]) => id !== event.pointerId)?.[1];
    this.fingers.set(event.pointerId, here);
    if (Math.hypot(here.x - before.x, here.y - before.y) > 0) this.moved ||= this.active || other !== undefined;
    if (other) {
      const apart = (one) => Math.hypot(one.x - other.x, one.y - other.y) || 1;
      this.by(apart(here) / apart(before), (here.x + other.x) / 2, (here.y + other.y) / 2);
    } else if (this.active) {
      this.x += here.x - before.x;
      this.y += here.y - before.y;
      this.#apply();
    }
  }
}
