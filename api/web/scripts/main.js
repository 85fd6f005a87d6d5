/** Puts the page together: what is typed, filtered and clicked changes the state; the state decides what is asked for. */

import { ActiveFilters } from "./activefilters.js";
import { searchAddressOf, stateOf } from "./address.js";
import { announce, byId } from "./dom.js";
import { noWishes } from "./filter.js";
import { FilterPanel } from "./filterpanel.js";
import { Jobs } from "./jobs.js";
import { helpDialog, listenToKeys } from "./keyboard.js";
import { Keys } from "./keys.js";
import { Layers } from "./layers.js";
import { CollectionMap } from "./map.js";
import { DRAWINGS, LOST } from "./messages.js";
import { Notes } from "./notes.js";
import { Places } from "./places.js";
import { wordsOf } from "./query.js";
import { Results } from "./results.js";
import { SearchBox } from "./searchbox.js";
import { receivePictures } from "./upload.js";
import { Problem, Service } from "./service.js";
import { State } from "./state.js";
import { Telling } from "./telling.js";
import { description } from "./tile.js";
import { Toolbar } from "./toolbar.js";
import { Tools } from "./tools.js";
import { Viewer } from "./viewer.js";

const DEEPEST = 10_000; // ranks that the service computes at most
const GOOD = 0.8; // a good match beats the best one of four in five unrelated queries
const RERANK = { top: 32, deadline_ms: 4000, weight: 0.5 };

const state = new State();
const keys = new Keys();
const service = new Service(keys, (seconds) => {
  toolbar.tell(seconds ? `The service is busy; trying again in ${seconds} s` : "");
});
const narrow = matchMedia("(max-width: 900px)"); // where the filters lie over the pictures

const searchbox = new SearchBox(byId("searchbox"), state, notice);
const filterpanel = new FilterPanel(byId("filters"), state, service, toggleFilters);
const activefilters = new ActiveFilters(byId("active"), state);
const notes = new Notes(byId("notes"));
const toolbar = new Toolbar(byId("toolbar"), state, notes, toggleFilters);
const telling = new Telling(state, toolbar, notes, {
  again: () => {
    keys.wanted();
    search();
  },
  more: () => {
    keys.wanted();
    results.again();
  },
  anew: () => location.assign("./"),
  anyway: () => state.change({ anything: true }, { step: false }),
  goOn: () => {
    state.anything = true;
    results.start({ keep: true });
  },
  reset: () => state.change({ wishes: noWishes() }),
  filters: () => filterpanel.open || toggleFilters(),
  index: () => (rights.admin ? view("work") : null),
});
const results = new Results(byId("results"), byId("foot"), { fetchPage, deepest, report, open, similar });
const viewer = new Viewer(service, {
  words: () => wordsOf(state.query),
  neighbour: (id, step) => results.neighbour(id, step),
  similar,
  add: (hit, weight) => state.change({ terms: [...state.terms, itemTerm(hit, weight)], ...uncovered() }),
  stepped: ({ id }) => state.change({ picture: id }, { step: false }),
  closed: (id) => {
    places.leave({ picture: null });
    results.focusOn(id);
  },
});
const jobs = new Jobs(service, {
  onProgress: (job) => {
    tools.progress(job);
    grow(job);
  },
  onEnd: (job) => {
    if (job.kind === "index" && job.state === "done") search({ quiet: true });
  },
});
const map = new CollectionMap(service, jobs, open);
const help = { dialog: helpDialog(), show: () => help.dialog.showModal() };
const layers = new Layers({ map, work: jobs, help }, () => places.leave({ view: "" }));
const view = (name) => () => state.change({ view: name }, { over: true });
listenToKeys({
  search: () => searchbox.focus(),
  move: (direction) => results.move(direction),
  similar: () => focusedHit() && similar(focusedHit()),
  filters: toggleFilters,
  map: view("map"),
  help: view("help"),
  back: () => (filterpanel.open ? toggleFilters() : searchbox.empty()),
});
const tools = new Tools(byId("tools"), byId("main"), { jobs: view("work"), map: view("map"), help: view("help") });
const places = new Places(state, { shown: () => results.hits.length, arrive });

async function fetchPage(offset, limit, signal) {
  const filter = state.filter;
  if (state.query.length === 0) {
    const { items, total } = await service.browse({ filter, limit, offset }, signal);
    return { hits: items, total };
  }
  if (state.query.some((term) => term.lost)) throw new Problem(LOST, "a picture of the search is not here");
  await abilities; // a switch or a note that came after the pictures would move them
  const terms = state.query.map(({ text, image, item, weight }) => ({ text, image, item, weight }));
  return service.search({
    terms,
    filter: filter || undefined,
    limit,
    offset,
    collapse: state.collapse,
    rerank: state.rerank ? RERANK : undefined,
    min_relevance: onlyGood() ? GOOD : undefined,
    exclude_query_items: true,
  }, signal);
}

function onlyGood() {
  return state.good && !state.anything;
}

/** What the results tell about themselves. */
function report(news) {
  document.body.classList.toggle("searching", news.kind === "searching");
  if (news.kind === "searching") return;
  if (news.kind === "failed") {
    if (!(news.refresh && results.hits.length)) telling.failed(news); // else what is shown is still there
    return;
  }
  if (news.first) telling.found(news.page);
  viewer.neighbours();
  telling.end({ ...news, total: news.page.total, good: onlyGood(), depth: results.offset, deepest: deepest() });
}

/** How deep the service goes: a search is ranked to some depth, the whole collection is listed to its end. */
function deepest() {
  return state.query.length ? DEEPEST : Infinity;
}

/** Ask anew. `mark` is where one was before, `quiet` leaves the page as it is until the answer is there. */
async function search({ quiet = false, mark = { y: 0, shown: 0 } } = {}) {
  if (!quiet && mark.y === 0) scrollTo({ top: 0 });
  show();
  searchbox.show();
  filterpanel.refresh();
  await results.start({ shown: quiet ? results.hits.length : mark.shown, refresh: quiet });
  if (mark.y > 0) scrollTo({ top: mark.y, behavior: "instant" });
}

let grown = 0; // when pictures that a job added were last looked for

/** Show what a job has added so far: soon where nothing is shown yet, else from time to time and out of nobody's way. */
function grow(job) {
  const pause = results.hits.length ? 10_000 : 1500;
  if (job?.kind !== "index" || !job.progress.done || !state.idle || scrollY > 100 || Date.now() - grown < pause) return;
  grown = Date.now();
  search({ quiet: true });
}

/** Show all that no search is needed for. */
function show() {
  document.title = titleOf(state);
  filterpanel.show(state.view === "filters");
  toolbar.show(filterpanel.open);
  activefilters.show();
  noteModel();
  document.body.classList.toggle("asked", state.query.length > 0);
  document.body.classList.toggle("scored", state.scores);
  layers.show(state.view);
  showPicture();
}

function showPicture() {
  const left = viewer.hit;
  if (state.picture !== null) viewer.show(results.hits.find(({ id }) => id === state.picture) ?? { id: state.picture });
  else if (left !== null) {
    viewer.hide();
    results.focusOn(left.id);
  }
}

function titleOf({ query }) {
  return query.length ? `${wordsOf(query) || "Similar"} – Vasari` : "Vasari";
}

function open(hit) {
  state.change({ picture: hit.id }, { over: true });
}

function similar(hit) {
  searchbox.input.value = "";
  state.change({ terms: [itemTerm(hit, 1)], draft: [], ...uncovered() });
}

/** Nothing over the pictures; the filters stay beside them. */
function uncovered() {
  return { picture: null, view: state.view === "filters" ? "filters" : "" };
}

function itemTerm(hit, weight) {
  return { item: hit.id, name: description(hit), weight };
}

function focusedHit() {
  const id = Number(document.activeElement?.closest(".tile")?.dataset.id);
  return results.hits.find((hit) => hit.id === id);
}

/** Beside the pictures, the panel is no place of its own; over them, going back closes it. */
function toggleFilters() {
  if (!filterpanel.open) {
    state.change({ view: "filters" }, narrow.matches ? { over: true } : { step: false });
    return;
  }
  places.leave({ view: "" });
  byId("filters-toggle").focus({ preventScroll: true });
}

function notice(words) {
  toolbar.tell(words);
  announce(words);
}

let rights = { admin: false };
let able = {};

/** What the models on the service's machine can; where that is not known, all is offered. */
async function learnAbilities() {
  able = await service.abilities();
  for (const part of [toolbar, viewer, jobs]) part.allow(able);
  noteModel();
}

function noteModel() {
  notes.show("model", able.drawings_only && state.query.length ? [DRAWINGS] : []);
}

async function learnRights() {
  const { scopes } = await service.session();
  rights = { admin: scopes.includes("admin") };
  tools.allow(rights);
  if (state.idle && !telling.silent) search({ quiet: true }); // an empty library offers more to those who may fill it
  if (rights.admin) await jobs.watch();
}

state.addEventListener("change", ({ detail: { step, over, looks } }) => {
  places.go(step, over);
  if (looks) show();
  else search();
});

/** The history led to another place. What is looked for stays as it is where only what lies over it differs. */
function arrive(mark) {
  const there = { anything: false, ...stateOf(location.search) };
  const same = searchAddressOf(state) === searchAddressOf({ ...there, query: there.terms });
  if (same) Object.assign(state, { picture: there.picture, view: there.view, scores: there.scores });
  else Object.assign(state, there);
  if (same) show();
  else search({ mark });
}

receivePictures((file) => searchbox.addPicture(file), () => notice("That is no picture."));
Object.assign(state, stateOf(location.search));
await keys.resume().catch(() => {});
const abilities = learnAbilities().catch(() => {}); // searching does not depend on them
search({ mark: places.mark });
learnRights().catch(() => {});
