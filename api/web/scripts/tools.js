/** The buttons at the top: work in the background, albums, the maps, the theme, help. */

import { announce, button, element } from "./dom.js";
import { icon } from "./icons.js";
import { jobName, meter, told } from "./jobs.js";
import { t } from "./language.js";
import { nextTheme, theme } from "./theme.js";

const THEMES = { system: t("system"), light: t("light"), dark: t("dark") };
const ICONS = { system: "half", light: "sun", dark: "moon" };

export class Tools {
  constructor(root, main, { jobs, albums, places, likeness, help }) {
    this.work = element("button", { type: "button", class: "work", hidden: true, on: { click: jobs } });
    this.jobs = button(t("Background work"), { icon: icon("activity"), class: "quiet withheld", on: { click: jobs } }); // its room is kept until it is known who looks
    this.themes = button("", { icon: icon("half"), class: "quiet", on: { click: () => {
      announce(t("Theme: {name}", { name: THEMES[nextTheme()] }));
      this.#showTheme();
    } } });
    this.#showTheme();
    main.append(this.work); // in the masthead, which blurs what is behind it, "fixed" would mean fixed to that
    this.albums = button(t("Albums"), { icon: icon("album"), class: "quiet", on: { click: albums } });
    root.append(this.jobs, this.albums,
      button(t("Map of places"), { icon: icon("globe"), class: "quiet", on: { click: places } }),
      button(t("Likeness map"), { icon: icon("likeness"), class: "quiet", on: { click: likeness } }),
      this.themes,
      button(t("Help and keys"), { icon: icon("help"), class: "quiet", on: { click: help } }));
  }

  /** What the visitor may do. */
  allow({ admin, narrow }) {
    this.jobs.classList.toggle("withheld", !admin);
    this.albums.classList.toggle("withheld", narrow); // albums are of the whole library
  }

  /** The job at work, or null. */
  progress(job) {
    this.work.hidden = job === null;
    if (job === null) return;
    this.work.replaceChildren(element("span", { class: "work-words" }, `${jobName(job)}: ${told(job)}`), meter(job));
    this.work.setAttribute("aria-label", t("{told}. Show background work", { told: `${jobName(job)}: ${told(job)}` }));
  }

  #showTheme() {
    const label = t("Theme: {name}. Change", { name: THEMES[theme()] });
    this.themes.setAttribute("aria-label", label);
    this.themes.title = label;
    this.themes.replaceChildren(icon(ICONS[theme()]));
  }
}
