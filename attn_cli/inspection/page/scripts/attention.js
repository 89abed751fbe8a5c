// What the three views of one head have in common: the title, the switch, the sentence.

function attentionView(state) {
  const boxes = { map: byId("map"), table: byId("weights-table") };
  if (byId("lines")) boxes.lines = byId("lines"); // only where a text looks at itself
  const help = {
    map: Array.from(byId("map-help").childNodes),
    lines: ["Left and right choose the query; a dot is its weight on itself, a dashed line leads to what comes after. Of the other queries only larger weights are drawn."],
    table: ["Arrows scroll the table."],
  };

  for (const choice of document.getElementsByName("view")) {
    choice.addEventListener("change", () => state.show(choice.value));
  }

  heatMapView(state);
  if (boxes.lines) arcsView(state);
  weightsTableView(state);

  state.subscribe(["view"], () => {
    for (const choice of document.getElementsByName("view"))
      choice.checked = choice.value === state.view;
    byId("map-help").replaceChildren(...help[state.view]);
  });
  state.subscribe(["text", "head", "query", "key", "hover"], () => {
    byId("map-title").textContent = state.headName();
    const { query, key } = state.hovered ?? state;
    say("map-readout", `${state.sentence(query, key)}.`);
  });

  // The boxes are shown and hidden before anything is drawn in them: they have a width then.
  state.beforeView = (view) => {
    for (const [name, box] of Object.entries(boxes)) box.hidden = name !== view;
  };
}
