// Boxes that can be scrolled sideways say so.

function scrollHints(state) {
  let asked = false;

  function mark() {
    asked = false;
    for (const box of document.querySelectorAll(".scroll")) {
      if (box.scrollWidth > box.clientWidth + 1) box.dataset.scrolls = "";
      else delete box.dataset.scrolls;
    }
  }

  // Once all views have drawn.
  function ask() {
    if (asked) return;
    asked = true;
    requestAnimationFrame(mark);
  }

  state.subscribe(["text", "head", "query", "key", "view", "width"], ask);
  document.addEventListener("click", ask); // which may open something, or show more columns
}
