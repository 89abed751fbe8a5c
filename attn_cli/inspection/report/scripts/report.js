// The report, put together.

const plots = JSON.parse(byId("payload").textContent);
for (const box of document.querySelectorAll("[data-curves]")) {
  curvesView(box, plots[box.dataset.curves]);
  const about = box.closest("section").querySelector("h2").textContent;
  savePicture(box, document.title, `the curves of ${about}`, () => ({
    name: `${about} curves`,
    title: `${document.title}: ${about}`,
    note: [],
    parts: [box],
  }));
}

function shadeCells() {
  for (const cell of document.querySelectorAll("[data-shade]")) paint(cell, Number(cell.dataset.shade));
}

themeButton(shadeCells);
shadeCells();

// On paper all is light, and nothing is folded away.
const folded = Array.from(document.querySelectorAll("details"));
let before;
window.addEventListener("beforeprint", () => {
  before = { theme, open: folded.map(({ open }) => open) };
  theme = "light";
  shadeCells();
  for (const one of folded) one.open = true;
});
window.addEventListener("afterprint", () => {
  theme = before.theme;
  shadeCells();
  folded.forEach((one, index) => (one.open = before.open[index]));
});
