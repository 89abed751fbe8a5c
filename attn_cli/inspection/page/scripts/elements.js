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
  stops().forEach((stop, place) => {
    if (scrolled[place]) stop.scrollLeft = scrolled[place];
    if (place === focused) stop.focus({ preventScroll: true });
  });
}

// A number with so many digits and a true minus; a dash for what is none.
function number(value, digits = 3) {
  if (!Number.isFinite(value)) return value === -Infinity ? "−∞" : "–";
  const text = Math.abs(value).toFixed(digits);
  return value < 0 && Number(text) !== 0 ? `−${text}` : text;
}

function signed(value, digits = 3) {
  const text = number(value, digits);
  return value > 0 && Number(text) !== 0 ? `+${text}` : text;
}

const bits = (value) => `${number(value, 2)} bits`;

function percent(share) {
  if (!Number.isFinite(share)) return "–";
  if (share === 0) return "0%";
  if (share < 0.001) return "<0.1%";
  return `${(100 * share).toFixed(share < 0.0995 ? 1 : 0)}%`;
}

// A colour of theme.css as a canvas understands it.
function colourOf(name) {
  const probe = byId("colour");
  probe.style.color = `var(${name})`;
  return getComputedStyle(probe).color;
}

// A canvas of this size in CSS pixels, sharp on any screen, and its context.
function sizeCanvas(canvas, width, height) {
  const ratio = window.devicePixelRatio || 1;
  canvas.width = Math.round(width * ratio);
  canvas.height = Math.round(height * ratio);
  canvas.style.width = `${width}px`;
  canvas.style.height = `${height}px`;
  const context = canvas.getContext("2d");
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  return context;
}

// Rows of a bar chart: { id, own, kept }, shares of 1. `own` is outlined, `kept` is filled.
function drawBars(list, vocabulary, rows) {
  while (list.children.length > rows.length) list.lastChild.remove();
  while (list.children.length < rows.length) {
    list.append(
      element(
        "li",
        {},
        element("span", { className: "symbol" }),
        element(
          "span",
          { className: "track", "aria-hidden": "true" },
          element("i", { className: "own" }),
          element("i", { className: "kept" }),
        ),
        element("span", { className: "share" }),
      ),
    );
  }
  rows.forEach(({ id, own, kept, marked }, place) => {
    const [symbol, track, share] = list.children[place].children;
    list.children[place].classList.toggle("none", kept === 0);
    list.children[place].classList.toggle("marked", Boolean(marked));
    symbol.textContent = vocabulary.shown(id);
    symbol.title = vocabulary.named(id);
    track.children[0].hidden = own < 0.002; // nothing but its border
    track.children[0].style.width = `${100 * own}%`;
    track.children[1].style.width = `${100 * kept}%`;
    share.textContent = percent(kept);
  });
}
