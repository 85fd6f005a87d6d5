/** Work in the background: how far it is, and starting and stopping it. */

import { button, element } from "./dom.js";
import { icon } from "./icons.js";

const LOOK = 10_000; // milliseconds between looks for jobs that others started
const NAMES = { index: "Indexing", caption: "Describing", rebuild: "Rebuilding the index", map: "Drawing the map" };

export class Jobs {
  /** `onProgress(job | null)` hears of the job at work, `onEnd(job)` of one that has ended. */
  constructor(service, { onProgress, onEnd }) {
    this.service = service;
    this.onProgress = onProgress;
    this.onEnd = onEnd;
    this.streams = new Map();
    this.jobs = new Map();
    this.#build();
  }

  /** Look for jobs now and from time to time, while somebody looks at the page. */
  watch() {
    const look = () => document.hidden || this.look().catch(() => {});
    setInterval(look, LOOK);
    document.addEventListener("visibilitychange", look);
    return this.look();
  }

  async look() {
    const { jobs } = await this.service.jobs();
    for (const job of jobs.toReversed()) this.#hear(job);
    this.#show();
  }

  /** Start a job and follow it; resolves with its last state. */
  async start(body) {
    const job = await this.service.startJob(body);
    const ended = new Promise((resolve) => this.#follow(job, resolve));
    this.#show();
    return ended;
  }

  show() {
    this.complaint.textContent = "";
    this.dialog.showModal();
    this.look().catch((error) => (this.complaint.textContent = error.message));
  }

  #hear(job) {
    this.jobs.set(job.id, job);
    if (job.state === "running" && !this.streams.has(job.id)) this.#follow(job);
  }

  #follow(job, resolve = () => {}) {
    this.jobs.set(job.id, job);
    this.streams.get(job.id)?.close();
    const stream = this.service.jobEvents(job.id);
    this.streams.set(job.id, stream);
    const hear = (event) => {
      this.jobs.set(job.id, JSON.parse(event.data));
      this.#show();
    };
    stream.addEventListener("progress", hear);
    stream.addEventListener("end", (event) => {
      stream.close();
      this.streams.delete(job.id);
      hear(event);
      const ended = this.jobs.get(job.id);
      this.onEnd(ended);
      resolve(ended);
    });
    stream.addEventListener("error", () => {
      // A browser goes on trying by itself, unless the answer was no stream at all.
      if (stream.readyState === EventSource.CLOSED) this.streams.delete(job.id);
    });
  }

  #show() {
    const jobs = [...this.jobs.values()].sort((one, other) => other.id - one.id);
    this.onProgress(jobs.findLast((job) => job.state === "running") ?? null);
    this.list.replaceChildren(...jobs.slice(0, 6).map((job) => this.#row(job)));
    this.none.hidden = jobs.length > 0;
  }

  #row(job) {
    const cancel = () => this.service.cancelJob(job.id).then((now) => {
      this.jobs.set(job.id, now);
      this.#show();
    }).catch((error) => (this.complaint.textContent = error.message));
    return element("li", { class: `job ${job.state}` },
      element("div", {}, element("strong", {}, NAMES[job.kind] ?? job.kind), element("span", { class: "aside" }, told(job))),
      job.state === "running" ? meter(job) : null,
      job.state === "running" ? button("Cancel", { class: "small", on: { click: cancel } }) : null);
  }

  #build() {
    const path = element("input", { id: "folder-path", type: "text", required: true, placeholder: "/home/me/Pictures", autocomplete: "off", spellcheck: "false" });
    this.complaint = element("p", { class: "complaint", role: "alert" });
    this.list = element("ul", { class: "jobs" });
    this.none = element("p", { class: "aside" }, "Nothing was done yet.");
    const begin = (body) => {
      this.complaint.textContent = "";
      this.start(body).catch((error) => (this.complaint.textContent = error.message));
    };
    this.dialog = element("dialog", { class: "dialog", id: "jobs", "aria-labelledby": "jobs-title" },
      element("div", { class: "sheet" },
        element("div", { class: "about-head" }, element("h2", { id: "jobs-title" }, "Background work"),
          button("Close", { icon: icon("close"), class: "round", on: { click: () => this.dialog.close() } })),
        element("form", { on: { submit: (event) => {
          event.preventDefault();
          begin({ kind: "index", paths: [path.value.trim()] });
        } } },
          element("label", { for: "folder-path" }, "Index a folder of the machine that serves"),
          element("div", { class: "inline" }, path, element("button", { class: "primary" }, "Index"))),
        element("div", { class: "actions" },
          button("Describe all pictures", { on: { click: () => begin({ kind: "caption" }) } }),
          button("Rebuild the index", { on: { click: () => begin({ kind: "rebuild" }) } })),
        this.complaint, this.none, this.list));
    document.body.append(this.dialog);
  }
}

/** How far a job is, in words. */
export function told(job) {
  const { phase, done, total, failed, images_per_second: speed, error, report } = job.progress;
  if (job.state === "failed") return error ?? "failed";
  if (job.state === "cancelled") return "cancelled";
  if (job.state === "done") return summary(report ?? {});
  const parts = [phase ?? "waiting"];
  if (total) parts.push(`${done.toLocaleString()} of ${total.toLocaleString()}`);
  if (speed) parts.push(`${Math.round(speed)} a second`);
  if (failed) parts.push(`${failed} failed`);
  return parts.join(", ");
}

/** The name of a job's kind. */
export function jobName(job) {
  return NAMES[job.kind] ?? job.kind;
}

/** A progress bar; without an end while none is known. */
export function meter(job) {
  const { done, total } = job.progress;
  return element("progress", { "aria-label": jobName(job), ...(total ? { max: total, value: done } : {}) });
}

function summary(report) {
  const counts = ["added", "updated", "moved", "removed", "failed", "captioned", "pictures"].filter((name) => report[name]);
  return counts.length ? `done: ${counts.map((name) => `${report[name].toLocaleString()} ${name}`).join(", ")}` : "done";
}
