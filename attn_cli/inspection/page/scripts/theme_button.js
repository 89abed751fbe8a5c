// The button that changes the theme, which is the system's until then.

function themeButton(changed) {
  const button = byId("theme-button");
  const name = () => (button.textContent = theme === "dark" ? "Light theme" : "Dark theme");
  const change = (to) => {
    theme = to;
    name();
    changed();
  };
  button.addEventListener("click", () => {
    const other = theme === "dark" ? "light" : "dark";
    document.documentElement.dataset.theme = other;
    change(other);
  });
  printInLight(change);
  prefersDark.addEventListener("change", ({ matches }) => {
    if (!document.documentElement.dataset.theme) change(matches ? "dark" : "light");
  });
  name();
}

// Paper is light: what is drawn in the dark theme's colours is drawn anew for as long as it prints.
function printInLight(change) {
  const root = document.documentElement;
  let before = null; // while it prints: the theme, and whether the reader had chosen it
  window.addEventListener("beforeprint", () => {
    if (theme === "light") return;
    before = { theme, chosen: root.dataset.theme };
    root.dataset.theme = "light";
    change("light");
  });
  window.addEventListener("afterprint", () => {
    if (before === null) return;
    if (before.chosen) root.dataset.theme = before.chosen;
    else delete root.dataset.theme;
    change(before.theme);
    before = null;
  });
}
