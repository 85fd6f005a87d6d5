/** Puts the page together: what is typed, filtered and clicked changes the state; the state decides what is asked for. `opening.js` stands first: its requests are on their way while all else is made. */

import { abilities, fetching, keys, resumed, service, state } from "./opening.js";
import { ActiveFilters } from "./activefilters.js";
import { searchAddressOf, stateHere } from "./address.js";
import { Albums } from "./albums.js";
import { Compare } from "./compare.js";
import { announce, byId } from "./dom.js";
import { Duplicates } from "./duplicates.js";
import { DEEPEST } from "./fetching.js";
import { noWishes } from "./filter.js";
import { FilterPanel } from "./filterpanel.js";
import { Gallery } from "./gallery.js";
import { Jobs } from "./jobs.js";
import { helpDialog, listenToKeys } from "./keyboard.js";
import { t } from "./language.js";
import { Layers } from "./layers.js";
import { LikenessMap } from "./likeness.js";
import { DRAWINGS } from "./messages.js";
import { Notes } from "./notes.js";
import { PlaceMap } from "./placemap.js";
import { Places } from "./places.js";
import { parse, titleOf, unquoted, wordsOf } from "./query.js";
import { Results } from "./results.js";
import { SearchBox } from "./searchbox.js";
import { Selection } from "./selection.js";
import { SelectionBar } from "./selectionbar.js";
import { receivePictures } from "./upload.js";
import { Sharing } from "./sharing.js";
import { keepShell } from "./shell.js";
import { Suggestions } from "./suggestions.js";
import { Telling } from "./telling.js";
import { description } from "./tile.js";
import { Thumbs } from "./thumbs.js";
import { Timeline } from "./timeline.js";
import { Toast } from "./toast.js";
import { Toolbar } from "./toolbar.js";
import { Tools } from "./tools.js";
import { Viewer } from "./viewer.js";

service.onWait = (seconds) => {
  toolbar.tell(seconds ? t("The service is busy; trying again in {seconds} s", { seconds }) : "");
};
const narrow = matchMedia("(max-width: 900px)"); // where the filters lie over the pictures

const searchbox = new SearchBox(byId("searchbox"), state, notice);
new Suggestions(byId("searchbox"), searchbox, state, service);
const filterpanel = new FilterPanel(byId("filters"), state, service, toggleFilters);
const activefilters = new ActiveFilters(byId("active"), state);
const notes = new Notes(byId("notes"));
const toolbar = new Toolbar(byId("toolbar"), state, notes, toggleFilters, () => sharing.searched());
const thumbs = new Thumbs(byId("thumbs"), service, state, () => view("compare")());
const telling = new Telling(state, toolbar, notes, {
  again: () => {
    keys.wanted();
    search();
  },
  more: () => {
    keys.wanted();
    gallery.again();
  },
  anew: () => location.assign("./"),
  anyway: () => state.change({ anything: true }, { step: false }),
  recommend: (language) => service.recommend(language),
  goOn: () => {
    state.anything = true;
    gallery.start({ keep: true });
  },
  reset: () => state.change({ wishes: noWishes() }),
  unquote: () => {
    searchbox.input.value = "";
    state.change({ terms: unquoted(state.query), draft: [] });
  },
  filters: () => filterpanel.open || toggleFilters(),
  index: () => (rights.admin ? view("work") : null),
});
const selection = new Selection(byId("main"), { between: (id, other) => gallery.between(id, other), changed: () => selectionbar.show() });
const chosen = (id) => selection.has(id);
const gallery = new Gallery(state, {
  results: (told) => new Results(byId("results"), byId("foot"), { fetchPage: (...page) => fetching.search(...page), deepest: () => DEEPEST, folds: () => !state.anything && !state.good, report: told, open, similar, chosen, unfold, thumbs: (id, words) => thumbs.pair(id, words) }),
  timeline: (told) => new Timeline(byId("timeline"), { months: (signal) => fetching.months(signal), page: (...page) => fetching.browse(...page), report: told, open, similar, chosen }),
}, report);
/** Show all pictures that a hit stands for, as results of the same search. */
async function unfold(hit) {
  const inside = await fetching.groupFilter(hit).catch((error) => notes.show("switch", [error.message]));
  if (!inside) return;
  const own = state.wishes.filter.trim();
  state.change({ group: "", wishes: { ...state.wishes, filter: own ? `(${own}) and ${inside}` : inside } });
}
const selectionbar = new SelectionBar(service, selection, new Toast(), {
  uris: async (ids) => Promise.all(ids.map(async (id) => (gallery.find(id) ?? (await service.item(id))).uri)),
  marked: (ids, attributes) => gallery.marked(ids, attributes),
  changed: () => search({ quiet: true }),
  start: (job) => jobs.start(job),
});
const viewer = new Viewer(service, {
  words: () => wordsOf(state.query),
  neighbour: (id, step) => gallery.neighbour(id, step),
  similar,
  thumbs: (hit) => (state.query.length && gallery.find(hit.id) ? thumbs.pair(hit.id, description(gallery.find(hit.id))) : []),
  add: (hit, weight) => state.change({ terms: [...state.terms, itemTerm(hit, weight)], ...uncovered() }),
  changed: (item) => gallery.changed(item),
  day: ({ attributes: { taken } }) => state.change({ terms: [], draft: [], wishes: { ...noWishes(), from: taken.slice(0, 10), to: taken.slice(0, 10) }, ...uncovered() }),
  stepped: ({ id }) => state.change({ picture: id }, { step: false }),
  closed: (id) => {
    places.leave({ picture: null });
    gallery.focusOn(id);
  },
});
const view = (name) => () => state.change({ view: name }, { over: true });
const jobs = new Jobs(service, {
  onProgress: (job) => {
    tools.progress(job);
    grow(job);
  },
  onEnd: (job) => {
    if (job.kind === "index" && job.state === "done") search({ quiet: true });
    if (job.kind === "regions") learnAbilities(service.abilities()).catch(() => {});
  },
});
const likeness = new LikenessMap(service, jobs, open);
const placemap = new PlaceMap(service, state, {
  open,
  narrow: (place) => state.change({ wishes: { ...state.wishes, place }, ...uncovered() }),
});
const sharing = new Sharing(service, state);
const albums = new Albums(service, state, { duplicates: view("duplicates"), share: (album) => sharing.album(album), open: (wishes, query) => seek(query, wishes) });
const duplicates = new Duplicates(service, state, { open, remove: (ids, leaving) => selectionbar.removing.remove(ids, leaving) });
const help = { dialog: helpDialog(), show: () => help.dialog.showModal() };
const compare = new Compare(service, ({ query, filter }) => seek(query, { filter: filter ?? "" }));
const layers = new Layers({ places: placemap, likeness, duplicates, compare, albums, work: jobs, help }, () => places.leave({ view: "" }));
listenToKeys({
  search: () => searchbox.focus(),
  move: (direction) => gallery.move(direction),
  all: () => (selection.ids.size > 0 ? (selection.choose(gallery.hits.map(({ id }) => id)), true) : false),
  choose: (range) => focusedHit() && (range ? selection.extend(focusedHit().id) : selection.toggle(focusedHit().id)),
  similar: () => focusedHit() && similar(focusedHit()),
  right: () => focusedHit() && thumbs.right(focusedHit().id),
  wrong: () => focusedHit() && thumbs.wrong(focusedHit().id),
  filters: toggleFilters,
  albums: view("albums"),
  duplicates: view("duplicates"),
  places: view("places"),
  likeness: view("likeness"),
  help: view("help"),
  back: () => (selection.ids.size ? selection.clear() : filterpanel.open ? toggleFilters() : searchbox.empty()),
});
const tools = new Tools(byId("tools"), byId("main"), { jobs: view("work"), albums: view("albums"), places: view("places"), likeness: view("likeness"), help: view("help") });
const places = new Places(state, { shown: () => gallery.hits.length, arrive });

/** What the results tell about themselves. */
function report(news) {
  document.body.classList.toggle("searching", news.kind === "searching");
  if (news.kind === "searching") return;
  if (news.kind === "failed") {
    if (!(news.refresh && gallery.hits.length)) telling.failed(news); // else what is shown is still there
    return;
  }
  if (news.first) {
    activefilters.understood(news.page ?? {});
    telling.found(news.page, news);
  }
  viewer.neighbours();
  if (news.page) telling.end({ ...news, total: news.page.total, good: fetching.onlyGood, depth: gallery.depth, deepest: DEEPEST });
}

/** Ask anew. `mark` is where one was before, `quiet` leaves the page as it is until the answer is there. */
async function search({ quiet = false, mark = { y: 0, shown: 0 } } = {}) {
  if (!quiet && mark.y === 0 && gallery.hits.length) scrollTo({ top: 0 });
  show();
  searchbox.show();
  await selectionbar.removing.finish();
  filterpanel.refresh();
  await gallery.start({ shown: quiet ? gallery.hits.length : mark.shown, refresh: quiet });
  if (mark.y > 0) scrollTo({ top: mark.y, behavior: "instant" });
}

let grown = 0; // when pictures that a job added were last looked for

/** Show what a job has added so far: soon where nothing is shown yet, else from time to time and out of nobody's way. */
function grow(job) {
  const pause = gallery.hits.length ? 10_000 : 1500;
  if (job?.kind !== "index" || !job.progress.done || !state.idle || scrollY > 100 || Date.now() - grown < pause) return;
  grown = Date.now();
  search({ quiet: true });
}

/** Show all that no search is needed for. */
function show() {
  document.title = titleOf(state.query);
  filterpanel.show(state.view === "filters");
  toolbar.show(filterpanel.open);
  activefilters.show();
  thumbs.show();
  noteModel();
  document.body.classList.toggle("asked", state.query.length > 0);
  document.body.classList.toggle("scored", state.scores);
  layers.show(state.view);
  showPicture();
}

function showPicture() {
  const left = viewer.hit;
  if (state.picture !== null) viewer.show(gallery.find(state.picture) ?? { id: state.picture });
  else if (left !== null) {
    viewer.hide();
    gallery.focusOn(left.id);
  }
}

function open(hit) {
  state.change({ picture: hit.id }, { over: true });
}

/** Look for something else. */
function seek(query, wishes) {
  searchbox.input.value = "";
  state.change({ terms: parse(query), draft: [], wishes: { ...noWishes(), ...wishes }, ...uncovered() });
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
  return gallery.find(Number(document.activeElement?.closest(".tile")?.dataset.id));
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

let [rights, able] = [{ admin: false }, {}];

/** What the models on the service's machine can; where that is not known, all is offered. */
async function learnAbilities(told) {
  able = await told;
  for (const part of [toolbar, viewer, jobs, selectionbar.captions]) part.allow(able);
  noteModel();
}

function noteModel() {
  notes.show("model", able.drawings_only && state.query.length ? [DRAWINGS] : []);
}

async function learnRights() {
  const { name, scopes, narrow, trash } = await service.session();
  rights = { admin: scopes.includes("admin"), write: scopes.includes("write") || scopes.includes("admin"), narrow, trash, name };
  for (const part of [tools, albums, selectionbar, duplicates, thumbs]) part.allow(rights);
  viewer.permit(rights);
  toolbar.permit(rights);
  if (state.idle && !telling.silent) search({ quiet: true }); // an empty library offers more to those who may fill it
  if (rights.admin) await jobs.watch();
}

state.addEventListener("change", ({ detail: { step, over, looks } }) => {
  places.go(step, over);
  if (looks) show();
  else search();
});

/** The history led to another place. What is looked for stays as it is where only what lies over it differs. */
async function arrive(mark) {
  const there = { anything: false, ...(await stateHere()) };
  const same = searchAddressOf(state) === searchAddressOf({ ...there, query: there.terms });
  if (same) Object.assign(state, { picture: there.picture, view: there.view, scores: there.scores });
  else Object.assign(state, there);
  if (same) show();
  else search({ mark });
}

receivePictures((file) => searchbox.addPicture(file), () => notice(t("That is no picture.")));
await resumed;
fetching.ready = learnAbilities(abilities).catch(() => {}); // a switch or a note that came after the pictures would move them
search({ mark: places.mark });
learnRights().catch(() => {});
keepShell();
