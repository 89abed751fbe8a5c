// Elements and numbers as this page writes them. Text is only ever set as text.

const byId = (id) => document.getElementById(id);

// element("td", { className: "here", "aria-label": "..." }, "text", child, ...)
function element(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name in made && name !== "role") made[name] = value;
    else made.setAttribute(name, value);
  }
  made.append(...children);
  return made;
}

// Says something where it may be read aloud, once.
function say(id, text) {
  if (byId(id).textContent !== text) byId(id).textContent = text;
}

// Draws what is in a box anew, and leaves the focus and what was scrolled as they were.
function replaceIn(box, ...children) {
  const stops = () => Array.from(box.querySelectorAll("button, [tabindex='0']"));
  const before = stops(),
    focused = before.indexOf(document.activeElement),
    scrolled = before.map((stop) => stop.scrollLeft);
  box.replaceChildren(...children);
  stops().forEach((stop, index) => {
    if (scrolled[index]) stop.scrollLeft = scrolled[index];
    if (index === focused) stop.focus({ preventScroll: true });
  });
}
