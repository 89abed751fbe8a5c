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
      const index = indexAfterKey(event, at, this.buttons.length, model.n_head);
      if (index === null) return;
      event.preventDefault();
      choose(Math.floor(index / model.n_head), index % model.n_head);
      this.buttons[index].focus();
    });
  }

  draw(layer, head) {
    this.buttons.forEach((button, index) => {
      const of = [Math.floor(index / this.model.n_head), index % this.model.n_head];
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
    rovingFocus(this.buttons, chosen);
    this.buttons.forEach((button, index) => button.setAttribute("aria-checked", index === chosen));
  }
}
