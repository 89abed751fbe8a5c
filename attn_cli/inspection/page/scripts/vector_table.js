// Vectors as rows of numbers, with as many channels as one wants to see.

const FEW_CHANNELS = 8;

// rows: { name, values, after?, className? }; `after` is what stands in the last column.
function vectorTable({ caption, rows, size, all, last }) {
  const shown = all ? size : Math.min(size, FEW_CHANNELS),
    more = size - shown;
  const cells = ({ values, after }) => [
    ...Array.from({ length: shown }, (_, i) => element("td", {}, number(values[i]))),
    ...(more ? [element("td", { className: "more" }, "…")] : []),
    ...(last ? [element("td", { className: "last" }, after ?? "")] : []),
  ];
  return element(
    "div",
    { className: "scroll", tabIndex: 0, role: "region", "aria-label": caption },
    element(
      "table",
      { className: "vectors" },
      element("caption", {}, caption),
      element(
        "thead",
        {},
        element(
          "tr",
          {},
          element("td"),
          ...Array.from({ length: shown }, (_, i) => element("th", { scope: "col" }, `${i}`)),
          ...(more ? [element("th", { scope: "col", className: "more" }, `+${more}`)] : []),
          ...(last ? [element("th", { scope: "col", className: "last" }, last)] : []),
        ),
      ),
      element(
        "tbody",
        {},
        ...rows.map((row) =>
          element(
            "tr",
            { className: row.className ?? "" },
            element("th", { scope: "row" }, row.name),
            ...cells(row),
          ),
        ),
      ),
    ),
  );
}
