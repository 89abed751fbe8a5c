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
  prefersDark.addEventListener("change", ({ matches }) => {
    if (!document.documentElement.dataset.theme) change(matches ? "dark" : "light");
  });
  name();
}
