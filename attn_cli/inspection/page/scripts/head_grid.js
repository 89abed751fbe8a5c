// One button for each head, a row a layer. `fill(button, layer, head)` puts something in it.
// `names`: of the columns, where these are not the heads alone.
class HeadGrid {
  constructor(container, model, { choose, fill, describe, names = null }) {
    this.fill = fill;
    this.describe = describe;
    names ??= Array.from({ length: model.n_head }, (_, head) => `${head + 1}`);
    this.columns = names.length;
    container.style.setProperty("--heads", this.columns);
    container.append(
      element("span", { "aria-hidden": "true" }),
      ...names.map((name) =>
        element("span", { className: "head-name", "aria-hidden": "true" }, name),
      ),
    );
    this.buttons = [];
    for (let layer = 0; layer < model.n_layer; layer++) {
      container.append(
        element("span", { className: "layer-name", "aria-hidden": "true" }, `${layer + 1}`),
      );
      for (let head = 0; head < this.columns; head++) {
        const button = element("button", { type: "button", role: "radio" });
        button.addEventListener("click", () => choose(layer, head));
        this.buttons.push(button);
        container.append(button);
      }
    }
    container.addEventListener("keydown", (event) => {
      const at = this.buttons.indexOf(document.activeElement);
      const index = indexAfterKey(event, at, this.buttons.length, this.columns);
      if (index === null) return;
      event.preventDefault();
      choose(Math.floor(index / this.columns), index % this.columns);
      this.buttons[index].focus();
    });
  }

  draw(layer, head) {
    this.buttons.forEach((button, index) => {
      const of = [Math.floor(index / this.columns), index % this.columns];
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
    const chosen = layer * this.columns + head;
    rovingFocus(this.buttons, chosen);
    this.buttons.forEach((button, index) => button.setAttribute("aria-checked", index === chosen));
  }
}
