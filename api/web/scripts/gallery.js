/** The pictures in the page: the timeline while nothing is searched for, else what a search found; one takes the other's place. */

export class Gallery {
  /** `make` has results(report) and timeline(report); `report(news)` hears what came of either. */
  constructor(state, make, report) {
    this.state = state;
    const taking = (other) => (news) => {
      if (news.first) {
        this[other].clear();
        document.body.classList.toggle("timed", other === "results" && news.kind === "found");
      }
      report(news);
    };
    this.results = make.results(taking("timeline"));
    this.timeline = make.timeline(taking("results"));
  }

  get #current() {
    return this.state.query.length ? this.results : this.timeline;
  }

  /** All that is known of the pictures. */
  get hits() {
    return this.#current.hits;
  }

  /** How deep a search was asked for. */
  get depth() {
    return this.results.offset;
  }

  /** Ids from one picture to another, in order. */
  between(id, other) {
    return this.#current.between(id, other);
  }

  /** Attributes were set of these pictures. */
  marked(ids, attributes) {
    for (const id of ids) {
      const hit = this.find(id);
      if (hit) this.changed({ ...hit, captions: hit.captions.map((text) => ({ text })), attributes: { ...hit.attributes, ...attributes } });
    }
  }

  find(id) {
    return this.#current.find(id);
  }

  start(options) {
    const other = this.state.query.length ? this.timeline : this.results;
    other.running?.abort();
    return this.#current.start(options);
  }

  again() {
    return this.#current.again();
  }

  neighbour(id, step) {
    return this.#current.neighbour(id, step);
  }

  move(direction) {
    return this.#current.move(direction);
  }

  focusOn(id) {
    return this.#current.focusOn(id);
  }

  changed(item) {
    this.#current.changed(item);
  }
}
