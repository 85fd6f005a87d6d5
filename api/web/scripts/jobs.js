/** Background jobs: how far they are, starting and stopping them. */

import { command, lacking, withCommands } from "./commands.js";
import { button, element } from "./dom.js";
import { icon } from "./icons.js";
import { locale, t } from "./language.js";
import { DRAWINGS } from "./messages.js";
import { sentence } from "./problems.js";

const LOOK = 10_000; // milliseconds between looks for jobs that others started
const NAMES = { index: t("Indexing"), caption: t("Describing"), read: t("Reading text"), rerank: t("Looking ahead for reranking"), regions: t("Embedding parts of pictures"), rebuild: t("Rebuilding the index"), map: t("Laying out the likeness map") };

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
    this.complaint.replaceChildren();
    this.dialog.showModal();
    if (!this.form.hidden) this.path.focus();
    this.look().catch((error) => this.#complain(error));
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
    }).catch((error) => this.#complain(error));
    return element("li", { class: `job ${job.state}` },
      element("div", {}, element("strong", {}, NAMES[job.kind] ?? job.kind), element("span", { class: "aside" }, ...withCommands(told(job)))),
      job.state === "running" ? meter(job) : null,
      job.state === "running" ? button(t("Cancel"), { class: "small", on: { click: cancel } }) : null);
  }

  /** Offer what the models here can do, for the folders that may be indexed from here. */
  allow({ abilities = {}, index_roots: roots = [], drawings_only: drawings = false }) {
    const { here = true, model, command: pull } = abilities.caption ?? {};
    this.home = roots[0] ?? "";
    this.form.hidden = roots.length === 0;
    this.elsewhere.hidden = roots.length > 0;
    this.path.placeholder = `${this.home.replace(/\/$/, "")}/Pictures`;
    this.hint.textContent = roots.length ? t("Folders in {roots} can be indexed from here.", { roots: roots.join(", ") }) : "";
    this.describe.disabled = !here;
    const { here: reranks = true, model: reranker, command: fetch } = abilities.rerank ?? {};
    this.ahead.disabled = !reranks;
    const encoder = abilities.pictures ?? { here: true };
    const told = [
      ...(encoder.here ? [] : [lacking(t("Indexing needs the model {model}, which is not on the service's machine", { model: encoder.model }), encoder.command)]),
      ...(drawings ? [DRAWINGS] : []), ...(reranks ? [] : [lacking(t("Reranking needs the model {model}, which is not on the service's machine", { model: reranker }), fetch)]), ...(here ? [] : [lacking(t("Describing pictures needs the model {model}, which is not on the service's machine", { model }), pull)]),
    ];
    this.told.replaceChildren(...told.map((line) => element("p", { class: "aside" }, ...withCommands(line))));
  }

  #begin(body) {
    this.complaint.replaceChildren();
    this.start(body).catch((error) => this.#complain(error));
  }

  /** What cannot be done from here may be done in a terminal: by the command that the service names. */
  #complain(error) {
    const said = error.message.split("; in a terminal")[0].replace(/[.。]$/, "");
    const words = error.command && !said.includes("`") ? [t("{said}. In a terminal of that machine: ", { said }), command(error.command)] : withCommands(error.message);
    this.complaint.replaceChildren(...words);
  }

  #index() {
    const path = this.path.value.trim();
    if (/^([/~]|[a-z]:\\)/i.test(path)) this.#begin({ kind: "index", paths: [path] });
    else this.complaint.replaceChildren(t("Write where the folder is from the beginning, such as {path}.", { path: this.path.placeholder }));
  }

  #build() {
    this.path = element("input", { id: "folder-path", type: "text", required: true, placeholder: "/home/me/Pictures", autocomplete: "off", spellcheck: "false", "aria-describedby": "folder-hint" });
    this.hint = element("p", { class: "aside", id: "folder-hint" });
    this.complaint = element("p", { class: "complaint", role: "alert" });
    this.list = element("ul", { class: "jobs" });
    this.none = element("p", { class: "aside" }, t("Nothing was done yet."));
    this.told = element("div", {});
    const start = (kind, label) => button(label, { on: { click: () => this.#begin({ kind }) } });
    this.describe = start("caption", t("Describe all pictures"));
    this.ahead = start("rerank", t("Look ahead for reranking"));
    this.form = element("form", { on: { submit: (event) => {
      event.preventDefault();
      this.#index();
    } } },
      element("label", { for: "folder-path" }, t("Index a folder of the machine that serves")),
      element("div", { class: "inline" }, this.path, element("button", { class: "primary" }, t("Index"))), this.hint);
    this.elsewhere = element("div", { hidden: true }, element("p", {}, t("Folders are indexed in a terminal of the machine that serves:")), command("vasari index ~/Pictures"));
    this.dialog = element("dialog", { class: "dialog", id: "jobs", "aria-labelledby": "jobs-title" },
      element("div", { class: "sheet" },
        element("div", { class: "about-head" }, element("h2", { id: "jobs-title" }, t("Background work")),
          button(t("Close"), { icon: icon("close"), class: "round", on: { click: () => this.dialog.close() } })),
        this.form, this.elsewhere,
        element("div", { class: "actions" }, this.describe, start("read", t("Read the text in pictures")), start("regions", t("Embed parts of pictures")), this.ahead, start("rebuild", t("Rebuild the index"))),
        this.told, this.complaint, this.none, this.list));
    document.body.append(this.dialog);
  }
}

const COUNTED = { added: t("added"), updated: t("updated"), moved: t("moved"), restored: t("restored"), described: t("described anew"), removed: t("removed"), captioned: t("captioned"), read: t("read"), with_text: t("with text"), pictures: t("pictures"), embedded: t("embedded"), encoded: t("looked at") };
const PHASES = { waiting: t("waiting for its turn"), starting: t("loading the model"), listing: t("listing"), building: t("building the index") };

/** How far a job is, in words. */
export function told(job) {
  const { phase, done, total, failed, images_per_second: speed, error, problem, report, for: holder } = job.progress;
  if (job.state === "failed") return problem ? sentence({ ...problem, detail: error }) : error ?? t("failed");
  if (job.state === "cancelled") return t("cancelled");
  if (job.state === "done") return summary(job.kind, report ?? {});
  const known = PHASES[phase ?? "waiting"] ?? (total ? null : phase); // the job's name says the rest
  const parts = [holder ? t("waiting until another job ends ({holder})", { holder }) : known].filter(Boolean);
  if (total) parts.push(t("{n} of {total}", { n: done, total }));
  if (speed) parts.push(t("{n} a second", { n: Math.round(speed) }));
  if (failed) parts.push(unread(failed));
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

function summary(kind, report) {
  const counts = Object.keys(COUNTED).filter((name) => report[name])
    .map((name) => `${report[name].toLocaleString(locale)} ${COUNTED[name]}`);
  const failed = report.failed ? t("{unread}: `vasari failures` tells which and why", { unread: unread(report.failed) }) : "";
  const done = counts.length ? t("done: {counts}", { counts: counts.join(", ") }) : kind === "index" ? t("done: nothing new") : t("done");
  return [done, failed, ...(report.withheld ?? []).map(kept)].filter(Boolean).join("; ");
}

/** A place that lost so much that nothing was removed. */
function kept({ place, held, vanished }) {
  return t("{vanished} of {held} in {place} are not there any more and were kept. If they are gone for good: `{command}`", { vanished, held, place, command: `vasari index ${quoted(place)} --allow-removal ${vanished}` });
}

/** A word as a shell takes it. */
function quoted(word) {
  return /^[\w@%+=:,./~-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

function unread(count) {
  return t("{n} could not be read", { n: count });
}
