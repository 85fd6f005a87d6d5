/** Puts the page together: what is typed, filtered and clicked changes the state; the state decides what is asked for. */

import { addressOf, stateOf } from "./address.js";
import { announce, button, byId, element } from "./dom.js";
import { noWishes } from "./filter.js";
import { FilterPanel } from "./filterpanel.js";
import { Jobs } from "./jobs.js";
import { listenToKeys } from "./keyboard.js";
import { Keys } from "./keys.js";
import { CollectionMap } from "./map.js";
import { failure, noMatch, nothingIndexed, nothingLeft } from "./messages.js";
import { wordsOf } from "./query.js";
import { Results } from "./results.js";
import { SearchBox } from "./searchbox.js";
import { receivePictures } from "./sent.js";
import { Service } from "./service.js";
import { State } from "./state.js";
import { Toolbar } from "./toolbar.js";
import { description } from "./tile.js";
import { Tools } from "./tools.js";
import { Viewer } from "./viewer.js";

const GOOD = 0.8; // a good match beats the best one of four in five unrelated queries
const RERANK = { top: 32, deadline_ms: 4000, weight: 0.5 };

const state = new State();
const keys = new Keys();
const service = new Service(keys, (seconds) => {
  toolbar.tell(seconds ? `The service is busy; trying again in ${seconds} s` : "");
});
const message = byId("message");
const foot = byId("foot");

const searchbox = new SearchBox(byId("searchbox"), state, notice);
const filterpanel = new FilterPanel(byId("filters"), state, service);
const toolbar = new Toolbar(byId("toolbar"), state, toggleFilters);
const results = new Results(byId("results"), foot, { fetchPage, report, open, similar });
const viewer = new Viewer(service, {
  words: () => wordsOf(state.query),
  neighbour: (id, step) => results.neighbour(id, step),
  similar,
  add: (hit, weight) => state.change({ terms: [...state.terms, itemTerm(hit, weight)] }),
  left: (id) => results.focusOn(id),
});
const jobs = new Jobs(service, {
  onProgress: (job) => tools.progress(job),
  onEnd: (job) => {
    if (job.kind === "index" && job.state === "done") search({ quiet: true });
  },
});
const map = new CollectionMap(service, jobs, open);
const help = listenToKeys({
  search: () => searchbox.focus(),
  move: (direction) => results.move(direction),
  similar: () => focusedHit() && similar(focusedHit()),
  filters: toggleFilters,
  map: () => map.show(),
  back: () => (filterpanel.open ? toggleFilters() : searchbox.empty()),
});
const tools = new Tools(byId("tools"), { jobs: () => jobs.openPanel(), map: () => map.show(), help });

function fetchPage(offset, limit, signal) {
  const filter = state.filter;
  if (state.query.length === 0) {
    return service.browse({ filter, limit, offset }, signal).then(({ items, total }) => ({ hits: items, total }));
  }
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
    message.replaceChildren(failure(news.error, () => search()));
    foot.replaceChildren();
    toolbar.tell("");
    return;
  }
  if (news.first) found(news.page);
  ended(news);
}

function found(page) {
  const { hits, total, took_ms: took, reranked } = page;
  const heading = state.query.length ? "Results" : state.idle ? "Newest" : "Pictures";
  byId("heading").textContent = heading;
  document.body.classList.toggle("asked", state.query.length > 0);
  const amount = `${total.toLocaleString()} ${total === 1 ? "picture" : "pictures"}`;
  const second = state.rerank && state.query.length ? (reranked ? ", reranked" : ", not reranked in time") : "";
  const words = took === undefined ? amount : `${amount}, ${took < 1 ? "under 1" : Math.round(took)} ms${second}`;
  toolbar.tell(words);
  announce(hits.length ? `${heading}: ${words}` : "Nothing found");
  message.replaceChildren(...(hits.length ? [] : [empty(total)]));
}

function empty(total) {
  if (total > 0 && state.query.length) return noMatch(() => state.change({ anything: true }, { step: false }));
  if (state.wishes && state.filter) return nothingLeft(() => state.change({ wishes: noWishes() }));
  return nothingIndexed(rights.admin ? () => jobs.openPanel() : null);
}

/** Below the last picture: whether more lies beyond what matches well. */
function ended({ ended: end, shown, page }) {
  const more = end && shown > 0 && state.query.length > 0 && onlyGood() && page.total > shown;
  foot.replaceChildren(...(more
    ? [element("p", {}, "These were the good matches."), button("Show less alike ones", { on: { click: goOn } })]
    : []));
}

function goOn() {
  state.anything = true;
  foot.replaceChildren();
  results.start({ keep: true });
}

async function search({ quiet = false } = {}) {
  if (!quiet) scrollTo({ top: 0 });
  toolbar.show(filterpanel.open);
  searchbox.show();
  document.body.classList.toggle("scored", state.scores);
  filterpanel.refresh();
  await results.start();
}

function open(hit) {
  viewer.show(hit);
}

function similar(hit) {
  searchbox.input.value = "";
  state.change({ terms: [itemTerm(hit, 1)], draft: [] });
}

function itemTerm(hit, weight) {
  return { item: hit.id, name: description(hit), weight };
}

function focusedHit() {
  const id = Number(document.activeElement?.closest(".tile")?.dataset.id);
  return results.hits.find((hit) => hit.id === id);
}

function toggleFilters() {
  filterpanel.toggle();
  toolbar.show(filterpanel.open);
  if (!filterpanel.open) byId("filters-toggle").focus();
}

function notice(words) {
  toolbar.tell(words);
  announce(words);
}

let rights = { admin: false };

async function learnRights() {
  const { scopes } = await service.session();
  rights = { admin: scopes.includes("admin") };
  tools.allow(rights);
  if (state.idle && message.hasChildNodes()) search({ quiet: true }); // an empty library offers more to those who may fill it
  if (rights.admin) await jobs.watch();
}

state.addEventListener("change", ({ detail: { step, fields } }) => {
  const address = addressOf(state);
  if (step && address !== location.search) history.pushState(null, "", address);
  else history.replaceState(null, "", address);
  document.title = state.query.length ? `${wordsOf(state.query) || "Similar"} – Vasari` : "Vasari";
  if (fields.length === 1 && fields[0] === "scores") {
    toolbar.show(filterpanel.open);
    document.body.classList.toggle("scored", state.scores);
    return;
  }
  search();
});

addEventListener("popstate", () => {
  Object.assign(state, stateOf(location.search), { anything: false });
  search();
});

receivePictures((file) => searchbox.addPicture(file), () => notice("That is no picture."));
Object.assign(state, stateOf(location.search));
await keys.resume().catch(() => {});
search();
learnRights().catch(() => {});
