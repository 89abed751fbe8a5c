// A line of characters to choose from, in shades of a hue. `describe(t)` is read aloud with the
// character.
class CharacterStrip {
  constructor(container, { choose, hover = () => {}, describe, hue = "blue" }) {
    this.container = container;
    this.hue = hue;
    this.describe = describe;
    container.addEventListener("click", (event) => {
      const index = this.indexUnder(event);
      if (index >= 0) choose(index);
    });
    container.addEventListener("pointerover", (event) => hover(this.indexUnder(event)));
    container.addEventListener("pointerleave", () => hover(-1));
    container.addEventListener("keydown", (event) => {
      const index = indexAfterKey(event, this.chosen, this.items.length);
      if (index === null) return;
      event.preventDefault();
      choose(index);
      this.items[index].focus();
    });
  }

  indexUnder(event) {
    return this.items.indexOf(event.target.closest("[role=option]"));
  }

  // `shades`: a value from 0 to 1 for each character; null leaves it without a colour.
  draw(symbols, shades, chosen) {
    // The elements stay, and with them the focus.
    const { container } = this;
    while (container.children.length > symbols.length) container.lastChild.remove();
    while (container.children.length < symbols.length) {
      container.append(element("span", { role: "option" }));
    }
    this.items = Array.from(container.children);
    this.items.forEach((item, t) => this.show(item, t, symbols[t], shades[t]));
    this.mark(chosen);
  }

  // Adds more characters, and leaves those that stand as they are.
  add(symbols, shades) {
    symbols.forEach((symbol, index) => {
      const item = element("span", { role: "option", tabIndex: -1 });
      this.items.push(item);
      this.show(item, this.items.length - 1, symbol, shades[index]);
      this.container.append(item);
    });
  }

  removeFirst(count) {
    for (const item of this.items.splice(0, count)) item.remove();
    this.chosen = Math.max(0, this.chosen - count);
  }

  show(item, t, symbol, shade) {
    item.className = shade === null ? "character blank" : "character";
    if (item.textContent !== symbol) item.textContent = symbol;
    if (shade === null) item.removeAttribute("style");
    else paint(item, shade, this.hue);
    item.setAttribute("aria-label", this.describe(t));
  }

  mark(chosen) {
    this.chosen = chosen;
    rovingFocus(this.items, chosen);
    this.items.forEach((item, t) => item.setAttribute("aria-selected", t === chosen));
  }
}
