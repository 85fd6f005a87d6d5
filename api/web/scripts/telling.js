/** What stands around the pictures: how many there are, notes, why there are none, and what lies beyond the last. */

import { announce, button, byId, element } from "./dom.js";
import { countWishes } from "./filter.js";
import { n, t } from "./language.js";
import { matchWord } from "./match.js";
import { spoken } from "./problems.js";
import { failure, noMatch, nothingElse, nothingIndexed, nothingLeft, nothingSaid } from "./messages.js";

export class Telling {
  /**
   * `actions` are again() and more() after a failure, anew(), anyway() and goOn() beyond the good matches, reset(), unquote(),
   * filters(), recommend(language), and index(), which is null for those who may not.
   */
  constructor(state, toolbar, notes, actions) {
    Object.assign(this, { state, toolbar, notes, actions });
    this.message = byId("message");
    this.foot = byId("foot");
  }

  /** A first page, or none. */
  found({ hits, total, took_ms: took, reranked, said = [] }, { folded, good }) {
    const notes = said.map(spoken);
    const asked = this.state.query.length > 0;
    const heading = asked ? t("Results") : this.state.idle ? t("Timeline") : t("Pictures");
    byId("heading").textContent = heading;
    const all = n(total, "{n} picture", "{n} pictures");
    const judged = hits.some((hit) => matchWord(hit ?? {}));
    const amount = folded ? t("{n} good of {all}", { n: good, all }) : judged && good === 0 ? t("the nearest of {all}, none a good match", { all }) : all;
    const second = this.state.rerank && asked ? (reranked ? t(", reranked") : t(", not reranked")) : "";
    const words = took === undefined ? amount : `${amount}, ${took < 1 ? "under 1" : Math.round(took)} ms${second}`;
    this.toolbar.tell(words);
    this.notes.show("answer", notes);
    announce(hits.length ? [`${heading}: ${words}`, ...notes].join(". ") : t("Nothing found"));
    this.message.replaceChildren(...(hits.length ? [] : [this.#empty(total)]));
  }

  /** Below the last picture: whether more lies beyond what matches well, or beyond what a search ranks. */
  end({ ended, shown, total, good, folded, depth, deepest }) {
    const asked = ended && shown > 0 && this.state.query.length > 0;
    const deep = asked && depth >= deepest && total > depth;
    const further = asked && (folded || (good && total > shown));
    this.foot.replaceChildren(...(deep ? this.#deepest(shown, total) : further ? this.#further() : []));
  }

  /** A first page that failed leaves nothing to show; a later one is told of where it would stand. */
  failed({ error, first }) {
    this.toolbar.tell("");
    const { again, more, anew } = this.actions;
    const named = this.state.query.some((term) => term.item !== undefined);
    const told = error.status === 404 && !named ? this.#empty(0) : failure(error, { again: first ? again : more, anew });
    this.message.replaceChildren(...(first ? [told] : []));
    this.foot.replaceChildren(...(first ? [] : [told]));
    announce(told.querySelector("h2").textContent);
  }

  /** Whether there is a message in place of the pictures. */
  get silent() {
    return !this.message.hasChildNodes();
  }

  #empty(total) {
    const { anyway, reset, unquote, index, recommend } = this.actions;
    if (total > 0 && this.state.query.length) return this.state.good && !this.state.anything ? noMatch(anyway) : nothingElse();
    if (this.state.query.some((term) => term.quoted)) return nothingSaid(unquote);
    if (this.state.filter) return nothingLeft(reset, this.state.wishes.album.length === 1 && countWishes(this.state.wishes) === 1);
    return nothingIndexed(index(), recommend);
  }

  #deepest(shown, total) {
    return [
      element("p", {}, t("These were the {n} nearest of {total} pictures; a search ranks no more. To see others, narrow it down.", { n: shown, total })),
      button(t("Filters"), { on: { click: this.actions.filters } }),
    ];
  }

  #further() {
    return [element("p", {}, t("These were the good matches.")), button(t("Show less alike ones"), { on: { click: this.actions.goOn } })];
  }
}
