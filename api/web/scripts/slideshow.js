/** Slideshow: the pictures one after the other, over the whole screen where the browser lets it. */

import { button } from "./dom.js";
import { icon } from "./icons.js";
import { t } from "./language.js";

const STANDS = 4000; // milliseconds

export class Slideshow {
  /** `stage` is shown whole; `next()` shows the next picture, and tells whether there was one. */
  constructor(stage, next) {
    this.stage = stage;
    this.next = next;
    this.timer = 0;
    this.button = button(t("Slideshow"), { icon: icon("play"), class: "round", "aria-pressed": "false", on: { click: () => this.toggle() } });
    this.whole = button(t("Full screen"), { icon: icon("whole"), class: "round", on: { click: () => this.#full(document.fullscreenElement === null) } });
    document.addEventListener("fullscreenchange", () => document.fullscreenElement === null && this.stop());
  }

  get running() {
    return this.timer !== 0;
  }

  toggle() {
    if (this.running) this.#full(false);
    this.running ? this.stop() : this.start();
  }

  start() {
    this.#full(true);
    this.timer = setInterval(() => this.next() || this.stop(), STANDS);
    this.#show();
  }

  stop() {
    clearInterval(this.timer);
    this.timer = 0;
    this.#show();
  }

  /** Over the whole screen, or not; refused by browsers in frames and on some phones, where the page does as well. */
  #full(on) {
    if (on && document.fullscreenElement === null) this.stage.requestFullscreen?.().catch(() => {});
    else if (!on && document.fullscreenElement !== null) document.exitFullscreen();
  }

  #show() {
    this.button.setAttribute("aria-pressed", String(this.running));
    this.button.replaceChildren(icon(this.running ? "pause" : "play"));
    this.stage.classList.toggle("playing", this.running);
  }
}
