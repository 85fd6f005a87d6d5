/**
 * The service, as the page asks it.
 *
 * A busy service (429) is asked again after the time it names; a service that wants a key (401) gets one, or the
 * request fails as a Problem like all others do.
 */

import { t } from "./language.js";
import { Problem, problemOf } from "./problems.js";

const TRIES = 4;

export class Service {
  /** `keys` gives and asks for keys. */
  constructor(keys) {
    this.keys = keys;
    this.onWait = () => {}; // hears how many seconds a busy service is waited for, and 0 when the waiting is over
  }

  session() {
    return this.#json("GET", "/v1/session");
  }

  abilities() {
    return this.#json("GET", "/v1/abilities");
  }

  /** Models for photos that are asked for in a language; the first time the machine is measured, in some seconds. */
  recommend(language) {
    return this.#json("GET", `/v1/models/recommend?${query({ language })}`);
  }

  search(body, signal) {
    return this.#json("POST", "/v1/search", body, signal);
  }

  browse({ filter, limit, offset, order }, signal) {
    return this.#json("GET", `/v1/items?${query({ filter, limit, offset, order })}`, undefined, signal);
  }

  /** How many pictures were taken in each month, and their shapes. */
  timeline(filter, signal) {
    return this.#json("GET", `/v1/timeline?${query({ filter })}`, undefined, signal);
  }

  facets(filter, signal) {
    return this.#json("GET", `/v1/facets?${query({ filter })}`, undefined, signal);
  }

  suggest(typed, signal) {
    return this.#json("GET", `/v1/suggest?${query({ q: typed.slice(-200) })}`, undefined, signal);
  }

  item(id, signal) {
    return this.#json("GET", `/v1/items/${id}`, undefined, signal);
  }

  /** The pictures that are one stack with an item, itself among them. */
  stack(id) {
    return this.#json("GET", `/v1/items/${id}/stack`);
  }

  /** All albums, or those by hand that an item is in. */
  albums(item) {
    return this.#json("GET", `/v1/albums?${query({ item })}`);
  }

  createAlbum(body) {
    return this.#json("POST", "/v1/albums", body);
  }

  changeAlbum(id, body) {
    return this.#json("PATCH", `/v1/albums/${id}`, body);
  }

  deleteAlbum(id) {
    return this.#send("DELETE", `/v1/albums/${id}`);
  }

  /** The links to an album that are in use. */
  albumShares(id) {
    return this.#json("GET", `/v1/albums/${id}/shares`);
  }

  /** A new link to an album, with its key. */
  shareAlbum(id, ends) {
    return this.#json("POST", `/v1/albums/${id}/shares`, { expires_at: ends });
  }

  endShare(id, share) {
    return this.#send("DELETE", `/v1/albums/${id}/shares/${share}`);
  }

  /** Change what is said of many items; the answer has what takes it back. */
  annotate(body) {
    return this.#json("POST", "/v1/annotate", body);
  }

  /** Say how right items are for a query. */
  judge(body) {
    return this.#json("POST", "/v1/judgments", body);
  }

  /** What was said of a query under its filter. */
  judgments({ query: words, filter }) {
    return this.#json("GET", `/v1/judgments?${query({ query: words, filter, limit: 1000 })}`);
  }

  /** Two settings over what was judged. */
  compare(body) {
    return this.#json("POST", "/v1/compare", body);
  }

  withdraw({ query: words, filter, item }) {
    return this.#json("DELETE", `/v1/judgments?${query({ query: words, filter, item })}`);
  }

  /** Take items out of the library, their files to the trash if so wished; it is sent even while the page is being left. Those that stay. */
  async remove(ids, trash = false) {
    const [kept, most] = [[], trash ? 100 : 5000];
    for (let start = 0; start < ids.length; start += most) {
      const answer = await this.#json("POST", "/v1/remove", { ids: ids.slice(start, start + most), trash }, undefined, { keepalive: true });
      kept.push(...(answer.kept ?? []));
    }
    return kept;
  }

  patch(id, body) {
    return this.#json("PATCH", `/v1/items/${id}`, body);
  }

  ask(item, question, signal) {
    return this.#json("POST", "/v1/ask", { item, question }, signal);
  }

  describe(item, detail, signal) {
    return this.#json("POST", "/v1/caption", { item, detail }, signal);
  }

  /** The heat map of these words over an item's picture, as a blob. */
  async why(item, words, signal) {
    const answer = await this.#send("GET", `/v1/items/${item}/why?${query({ q: words })}`, undefined, signal);
    return answer.blob();
  }

  /** Groups of near-duplicates. */
  copies({ filter, limit, offset }) {
    return this.#json("GET", `/v1/duplicates?${query({ filter, limit, offset })}`);
  }

  /** Where pictures were taken, in clusters. */
  places({ filter, zoom, ...box }, signal) {
    return this.#json("GET", `/v1/places?${query({ filter, zoom, ...box })}`, undefined, signal);
  }

  /** The countries of the world, as TopoJSON. */
  world() {
    return this.#json("GET", "world/countries-50m.json");
  }

  map(signal) {
    return this.#json("GET", "/v1/map", undefined, signal);
  }

  jobs() {
    return this.#json("GET", "/v1/jobs?limit=8");
  }

  startJob(body) {
    return this.#json("POST", "/v1/jobs", body);
  }

  cancelJob(id) {
    return this.#json("DELETE", `/v1/jobs/${id}`);
  }

  /** Progress of a job as it happens; the cookie of the session says who asks. */
  jobEvents(id) {
    return new EventSource(`/v1/jobs/${id}/events`);
  }

  async #json(method, path, body, signal, options) {
    const answer = await this.#send(method, path, body, signal, options);
    return answer.json();
  }

  async #send(method, path, body, signal, options) {
    for (let tries = 1; ; tries += 1) {
      const key = this.keys.key;
      const answer = await reach(method, path, body, signal, key, options);
      if (answer.ok) return answer;
      const problem = await problemOf(answer);
      if (problem.status === 401) await this.keys.ask(key, problem);
      else if (problem.status === 429 && tries < TRIES) await this.#wait(answer, signal);
      else throw problem;
    }
  }

  async #wait(answer, signal) {
    const seconds = Math.min(60, Math.max(1, Number(answer.headers.get("Retry-After")) || 1));
    this.onWait(seconds);
    try {
      await pause(seconds * 1000, signal);
    } finally {
      this.onWait(0);
    }
  }
}

/** One request; Problem with status 0 when nothing answers. */
export async function reach(method, path, body, signal, key, options = {}) {
  const headers = { Accept: "application/json" };
  if (key) headers.Authorization = `Bearer ${key}`;
  if (body !== undefined) headers["Content-Type"] = "application/json";
  try {
    return await fetch(path, { ...options, method, headers, signal, body: body === undefined ? undefined : JSON.stringify(body) });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Problem(0, t("The service does not answer. It may have been stopped, or the network is away."));
  }
}

const SIDES = [160, 320, 480, 640, 1280, 2560]; // pixels: the squares that small pictures are made for

/** The side of the smallest square whose small picture is at least `pixels` long; no larger one than the picture itself. */
export function sideFor(pixels, item) {
  const whole = Math.max(item.width ?? 0, item.height ?? 0) || Infinity;
  return SIDES.find((side) => side >= Math.min(pixels, whole)) ?? SIDES.at(-1);
}

/** The address of an item's small picture in a square of `side` pixels. */
export function thumbnail(item, side) {
  return item.thumbnail ? `${item.thumbnail}&side=${side}` : "";
}

function query(values) {
  const given = Object.entries(values).filter(([, value]) => value !== undefined && value !== "");
  return new URLSearchParams(given).toString();
}

function pause(milliseconds, signal) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, milliseconds);
    signal?.addEventListener("abort", () => {
      clearTimeout(timer);
      reject(signal.reason);
    });
  });
}
