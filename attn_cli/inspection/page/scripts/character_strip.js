// A line of characters to choose from. `describe(t)` is read aloud with the character.
class CharacterStrip {
  constructor(container, { choose, hover = () => {}, describe }) {
    this.container = container;
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
    this.items.forEach((item, t) => {
      item.className = shades[t] === null ? "character blank" : "character";
      if (item.textContent !== symbols[t]) item.textContent = symbols[t];
      if (shades[t] === null) item.removeAttribute("style");
      else paint(item, shades[t]);
      item.setAttribute("aria-label", this.describe(t));
    });
    this.mark(chosen);
  }

  mark(chosen) {
    this.chosen = chosen;
    rovingFocus(this.items, chosen);
    this.items.forEach((item, t) => item.setAttribute("aria-selected", t === chosen));
  }
}
