/** The buttons at the top: work in the background, the map, the theme, help. */

import { announce, button, element } from "./dom.js";
import { icon } from "./icons.js";
import { jobName, meter, told } from "./jobs.js";
import { nextTheme, theme } from "./theme.js";

const ICONS = { system: "half", light: "sun", dark: "moon" };

export class Tools {
  constructor(root, main, { jobs, map, help }) {
    this.work = element("button", { type: "button", class: "work", hidden: true, on: { click: jobs } });
    this.jobs = button("Background work", { icon: icon("activity"), class: "quiet withheld", on: { click: jobs } }); // its room is kept until it is known who looks
    this.themes = button("", { icon: icon("half"), class: "quiet", on: { click: () => {
      announce(`Theme: ${nextTheme()}`);
      this.#showTheme();
    } } });
    this.#showTheme();
    main.append(this.work); // in the masthead, which blurs what is behind it, "fixed" would mean fixed to that
    root.append(this.jobs,
      button("Map of the collection", { icon: icon("map"), class: "quiet", on: { click: map } }),
      this.themes,
      button("Help and keys", { icon: icon("help"), class: "quiet", on: { click: help } }));
  }

  /** What the visitor may do. */
  allow({ admin }) {
    this.jobs.classList.toggle("withheld", !admin);
  }

  /** The job at work, or null. */
  progress(job) {
    this.work.hidden = job === null;
    if (job === null) return;
    this.work.replaceChildren(element("span", { class: "work-words" }, `${jobName(job)}: ${told(job)}`), meter(job));
    this.work.setAttribute("aria-label", `${jobName(job)}: ${told(job)}. Show background work`);
  }

  #showTheme() {
    const label = `Theme: ${theme()}. Change`;
    this.themes.setAttribute("aria-label", label);
    this.themes.title = label;
    this.themes.replaceChildren(icon(ICONS[theme()]));
  }
}
