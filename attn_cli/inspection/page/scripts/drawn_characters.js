// The characters that the model wrote or filled in, beside the button, each with how it was drawn.
// Choosing one makes it the query of the maps; what was written stays.

const MOST_DRAWN = 2000; // characters to choose from: more would make the page slow
const MOST_BEFORE = 200; // characters of the text before them
const DRAWN_BARS = 6;

class DrawnCharacters {
  // An entry is { id, place, prob, own }: where it stands in the whole text, the probability that it
  // was drawn with, and the model's own. `explain(entry)` gives { sentence, own, kept }: in words,
  // and of each id (V,) the model's own probability then and the one it was drawn with.
  constructor(state, { explain }) {
    Object.assign(this, { state, explain, box: byId("drawn-text") });
    this.strip = new CharacterStrip(this.box, {
      choose: (index) => this.choose(index),
      describe: (index) => this.describe(this.entries[index]),
      hue: "green",
    });
    byId("to-map").addEventListener("click", (event) => {
      event.preventDefault();
      this.lookUp();
    });
    byId("to-drawn").addEventListener("click", (event) => {
      event.preventDefault();
      this.strip.items[this.strip.chosen].focus();
      byId("drawn").scrollIntoView({ block: "nearest" });
    });
    state.subscribe(["query"], () => this.follow());
    state.subscribe(["theme"], () => {
      this.strip.draw(this.symbols(), this.shades(), this.strip.chosen);
      if (this.isRead()) this.finish();
    });
    this.clear();
  }

  clear() {
    this.entries = [];
    this.box.replaceChildren();
    this.strip.draw([], [], -1);
    this.isChosenWhileWriting = false;
    byId("drawn-empty").hidden = false;
    for (const id of ["drawn-text", "drawn-detail", "to-drawn"]) byId(id).hidden = true;
    byId("drawn-sight").textContent = "";
  }

  // Shows a part of the text that was there before.
  context(ids) {
    const { vocabulary } = this.state,
      shown = ids.slice(-MOST_BEFORE).map((id) => this.symbol(id));
    const text = shown.join("").replace(/^(.)\n/u, "$1"); // no empty line above the text
    if (text) this.box.append(`${ids.length > MOST_BEFORE ? "…" : ""}${text}`);
    byId("drawn-empty").hidden = true;
    this.box.hidden = false;
  }

  // Adds what was drawn since, and shows the end of the text unless the reader looks elsewhere.
  add(entries) {
    const { box, strip } = this;
    const atEnd = box.scrollTop + box.clientHeight >= box.scrollHeight - 8;
    const before = this.entries.length;
    this.entries.push(...entries);
    strip.add(this.symbols(before), this.shades(before));
    const beyond = this.entries.length - MOST_DRAWN;
    if (beyond > 0) {
      this.entries.splice(0, beyond);
      if (box.firstChild.nodeType === Node.TEXT_NODE) box.firstChild.remove();
      strip.removeFirst(beyond);
    }
    if (atEnd) box.scrollTop = box.scrollHeight;
  }

  // The text has been read: what of it is still in sight, and what to look at.
  finish() {
    const { state, strip, entries } = this;
    const inSight = entries.filter((entry) => this.positionOf(entry) >= 0).length;
    entries.forEach((entry, index) => {
      strip.items[index].classList.toggle("forgotten", this.positionOf(entry) < 0);
      strip.items[index].setAttribute("aria-label", this.describe(entry));
    });
    byId("drawn-sight").textContent =
      inSight < entries.length
        ? `The text is longer than what the model sees at once: of these characters it still sees the last ${inSight}, and the maps show those.`
        : "";
    if (this.isChosenWhileWriting) this.choose(strip.chosen);
    else if (!this.follow()) this.choose(0);
  }

  // Where an entry stands in what the model sees; negative where it no longer does.
  positionOf({ place }) {
    return place - (this.state.allIds.length - this.state.ids.length);
  }

  choose(index) {
    const t = this.isRead() ? this.positionOf(this.entries[index]) : -1;
    this.isChosenWhileWriting = !this.isRead();
    keepInPlace(this.box, () => {
      if (t >= 0) this.state.choose({ query: t });
      this.show(index);
    });
  }

  // Whether the page shows the text with these characters; not so while they are being written.
  isRead() {
    return this.entries.at(-1)?.place < (this.state.allIds?.length ?? 0);
  }

  // Marks the query where it was written; returns whether it was.
  follow() {
    if (!this.isRead()) return false;
    const index = this.entries.findIndex((entry) => this.positionOf(entry) === this.state.query);
    if (index >= 0) this.show(index);
    return index >= 0;
  }

  show(index) {
    const entry = this.entries[index],
      { vocabulary } = this.state,
      { sentence, own, kept } = this.explain(entry);
    this.strip.mark(index);
    const rows = ranked(own)
      .filter((id) => id !== vocabulary.maskId && (id === entry.id || own[id] >= LEAST_BAR))
      .slice(0, DRAWN_BARS);
    if (!rows.includes(entry.id)) rows[DRAWN_BARS - 1] = entry.id;
    drawBars(
      byId("drawn-probs"),
      vocabulary,
      rows.map((id) => ({ id, own: own[id], kept: kept[id], marked: id === entry.id })),
    );
    byId("drawn-caption").textContent = this.describe(entry);
    byId("drawn-how").textContent = sentence;
    const isSeen = this.isRead() && this.positionOf(entry) >= 0;
    byId("drawn-detail").hidden = false;
    byId("to-map").hidden = byId("to-drawn").hidden = !isSeen;
  }

  describe(entry) {
    const { vocabulary } = this.state,
      t = this.isRead() ? this.positionOf(entry) : null,
      where = t !== null && t >= 0 ? ` at ${t}` : "",
      gone = t !== null && t < 0 ? ", no longer in sight" : "";
    return `${vocabulary.named(entry.id)}${where}: ${percent(entry.prob)}${gone}`;
  }

  // Leads to the chosen character's row of the map.
  lookUp() {
    this.choose(this.strip.chosen);
    const view = { map: "#map-grid [tabindex='0']", lines: "#lines canvas", table: "#weights-table" };
    byId("map-title").scrollIntoView();
    document.querySelector(view[this.state.view]).focus({ preventScroll: true });
  }

  symbols(from = 0) {
    return this.entries.slice(from).map(({ id }) => this.symbol(id));
  }

  // A character as it is read in a text: blanks as blanks, and a newline with its picture.
  symbol(id) {
    const { vocabulary } = this.state,
      symbol = vocabulary.symbols[id];
    if (symbol === " ") return symbol;
    return vocabulary.shown(id) + (symbol === "\n" ? symbol : "");
  }

  shades(from = 0) {
    return this.entries.slice(from).map(({ own }) => SCALES.surprisal.fraction(-Math.log2(own)));
  }
}

// Does something that may change what stands above an element, which stays where it is seen.
function keepInPlace(part, act) {
  const before = part.getBoundingClientRect().top;
  act();
  window.scrollBy({ top: part.getBoundingClientRect().top - before, behavior: "instant" });
}
