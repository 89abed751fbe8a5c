// Many things to choose from, one stop for the tabulator: arrows move between them.

// Where a key leads from place `at` of `count`, laid out in rows of `columns`; null where it
// leads nowhere.
function stepped(event, at, count, columns = count) {
  if (event.altKey || event.metaKey) return null;
  const row = Math.floor(at / columns),
    inRow = at % columns;
  const lead = {
    ArrowLeft: () => (inRow > 0 ? at - 1 : at),
    ArrowRight: () => (inRow < columns - 1 && at < count - 1 ? at + 1 : at),
    ArrowUp: () => (row > 0 ? at - columns : at),
    ArrowDown: () => (at + columns < count ? at + columns : at),
    Home: () => (event.ctrlKey ? 0 : row * columns),
    End: () => Math.min(count, event.ctrlKey ? count : (row + 1) * columns) - 1,
  };
  return lead[event.key]?.() ?? null;
}

function rove(items, chosen) {
  items.forEach((item, place) => (item.tabIndex = place === chosen ? 0 : -1));
}

// A line of characters to choose from. `describe(t)` is read aloud with the character.
class Strip {
  constructor(container, { choose, hover = () => {}, describe }) {
    this.container = container;
    this.describe = describe;
    container.addEventListener("click", (event) => {
      const place = this.placeOf(event);
      if (place >= 0) choose(place);
    });
    container.addEventListener("pointerover", (event) => hover(this.placeOf(event)));
    container.addEventListener("pointerleave", () => hover(-1));
    container.addEventListener("keydown", (event) => {
      const place = stepped(event, this.chosen, this.items.length);
      if (place === null) return;
      event.preventDefault();
      choose(place);
      this.items[place].focus();
    });
  }

  placeOf(event) {
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
    rove(this.items, chosen);
    this.items.forEach((item, t) => item.setAttribute("aria-selected", t === chosen));
  }
}

// One button for each head, a row a layer. `fill(button, layer, head)` puts something in it.
class HeadGrid {
  constructor(container, model, { choose, fill, describe }) {
    this.model = model;
    this.fill = fill;
    this.describe = describe;
    const heads = Array.from({ length: model.n_head }, (_, head) => head);
    container.style.setProperty("--heads", model.n_head);
    container.append(
      element("span", { "aria-hidden": "true" }),
      ...heads.map((head) =>
        element("span", { className: "head-name", "aria-hidden": "true" }, `${head + 1}`),
      ),
    );
    this.buttons = [];
    for (let layer = 0; layer < model.n_layer; layer++) {
      container.append(
        element("span", { className: "layer-name", "aria-hidden": "true" }, `${layer + 1}`),
      );
      for (const head of heads) {
        const button = element("button", { type: "button", role: "radio" });
        button.addEventListener("click", () => choose(layer, head));
        this.buttons.push(button);
        container.append(button);
      }
    }
    container.addEventListener("keydown", (event) => {
      const at = this.buttons.indexOf(document.activeElement);
      const place = stepped(event, at, this.buttons.length, model.n_head);
      if (place === null) return;
      event.preventDefault();
      choose(Math.floor(place / model.n_head), place % model.n_head);
      this.buttons[place].focus();
    });
  }

  draw(layer, head) {
    this.buttons.forEach((button, place) => {
      const of = [Math.floor(place / this.model.n_head), place % this.model.n_head];
      this.fill(button, ...of);
      button.setAttribute("aria-label", this.describe(...of));
    });
    this.mark(layer, head);
  }

  // Gives the focus to the chosen one.
  focus() {
    this.buttons.find((button) => button.tabIndex === 0).focus();
  }

  mark(layer, head) {
    const chosen = layer * this.model.n_head + head;
    rove(this.buttons, chosen);
    this.buttons.forEach((button, place) => button.setAttribute("aria-checked", place === chosen));
  }
}
