/**
 * Selection: pictures chosen by their mark, with shift or drawn over, by a long press, or by key; while any is, a click
 * chooses.
 */

const LONG = 450; // milliseconds of a press that chooses
const STILL = 8; // pixels it may move meanwhile

export class Selection {
  /** `between(id, other)` gives the ids from one picture to another, in order; `changed()` hears of every change. */
  constructor(root, { between, changed }) {
    this.root = root;
    this.between = between;
    this.changed = changed;
    this.ids = new Set();
    this.anchor = null;
    this.#listen();
  }

  has(id) {
    return this.ids.has(id);
  }

  clear() {
    this.#become([]);
    this.anchor = null;
  }

  /** Choose these and no others. */
  choose(ids) {
    this.#become(ids);
  }

  /** Choose a picture, or no more. */
  toggle(id) {
    this.anchor = id;
    this.base = new Set(this.ids);
    if (this.ids.has(id)) this.base.delete(id);
    else this.base.add(id);
    this.#become(this.base);
  }

  /** Choose all from the last picture that was chosen to this one, beside those from before. */
  async extend(id) {
    if (this.anchor === null) {
      this.toggle(id);
      return;
    }
    const range = await this.between(this.anchor, id);
    this.#become([...(this.base ?? []), ...range]);
  }

  /** Forget pictures that are gone. */
  without(ids) {
    this.#become([...this.ids].filter((id) => !ids.includes(id)));
  }

  #become(ids) {
    this.ids = new Set(ids);
    for (const tile of this.root.querySelectorAll(".tile[data-id]")) mark(tile, this.ids.has(Number(tile.dataset.id)));
    document.body.classList.toggle("selecting", this.ids.size > 0);
    this.changed();
  }

  #listen() {
    let pressed = null; // {id, x, y, timer, touch}
    let drawn = null; // the picture a line is drawn from
    let ignored = false; // the click that ends a press or a line
    const forget = () => {
      clearTimeout(pressed?.timer);
      pressed = null;
    };
    this.root.addEventListener("pointerdown", (event) => {
      const tile = event.target.closest(".tile[data-id]");
      ignored = false;
      if (!tile || event.button !== 0) return;
      const id = Number(tile.dataset.id);
      if (event.target.closest(".tile-check")) {
        drawn = { id, last: id };
        event.target.closest(".tile-check").releasePointerCapture?.(event.pointerId);
      } else if (event.pointerType !== "mouse") {
        pressed = { id, x: event.clientX, y: event.clientY, timer: setTimeout(() => {
          ignored = true;
          this.toggle(id);
          navigator.vibrate?.(12);
          forget();
        }, LONG) };
      }
    });
    this.root.addEventListener("pointermove", (event) => {
      if (pressed && Math.hypot(event.clientX - pressed.x, event.clientY - pressed.y) > STILL) forget();
      if (!drawn || event.buttons === 0) return;
      const over = Number(document.elementFromPoint(event.clientX, event.clientY)?.closest(".tile[data-id]")?.dataset.id);
      if (!over || over === drawn.last) return;
      if (!ignored) this.toggle(drawn.id);
      ignored = true;
      drawn.last = over;
      this.extend(over);
    });
    for (const ended of ["pointerup", "pointercancel"]) addEventListener(ended, () => {
      forget();
      drawn = null;
    });
    this.root.addEventListener("contextmenu", (event) => ignored && event.preventDefault());
    this.root.addEventListener("dragstart", (event) => event.target.closest(".tile") && event.preventDefault());
    this.root.addEventListener("click", (event) => {
      const tile = event.target.closest(".tile[data-id]");
      if (!tile || event.target.closest(".tile-similar")) return;
      const chosen = ignored || this.#chosen(event, Number(tile.dataset.id));
      ignored = false;
      if (!chosen) return;
      event.preventDefault();
      event.stopPropagation();
    }, { capture: true });
  }

  /** Whether a click chooses. */
  #chosen(event, id) {
    if (event.shiftKey) this.extend(id);
    else if (event.ctrlKey || event.metaKey || event.target.closest(".tile-check") || this.ids.size > 0) this.toggle(id);
    else return false;
    return true;
  }
}

/** Show whether a tile is chosen. */
export function mark(tile, chosen) {
  tile.classList.toggle("chosen", chosen);
  tile.querySelector(".tile-check")?.setAttribute("aria-checked", String(chosen));
}
