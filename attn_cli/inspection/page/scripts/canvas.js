// Drawing on canvases: sharp on any screen, in the page's own colours.

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

// A head's weights as a picture of a pixel each, T queries by S keys: `weightAt(t, j)` is an
// attention weight, and query t sees the first `seenBy(t)` keys.
function drawPixels(canvas, T, S, weightAt, seenBy) {
  canvas.width = S;
  canvas.height = T;
  canvas.classList.toggle("coarse", Math.max(T, S) <= 64);
  const context = canvas.getContext("2d"),
    image = context.createImageData(S, T);
  for (let t = 0; t < T; t++) {
    for (let j = 0; j < seenBy(t); j++) {
      const [red, green, blue] = palettes.blue[theme][shadeOf(SCALES.weight.fraction(weightAt(t, j)))];
      const start = 4 * (t * S + j);
      image.data[start] = red;
      image.data[start + 1] = green;
      image.data[start + 2] = blue;
      image.data[start + 3] = 255;
    }
  }
  context.putImageData(image, 0, 0);
  canvas.picture = { width: S, height: T, paint: (picture) => paintRuns(picture, T, weightAt, seenBy) };
}

// The same as rectangles, one for each run of one shade, all of a shade in one path. They overlap a
// little, so that no ground shines through between them.
function paintRuns(context, T, weightAt, seenBy) {
  const shadeAt = (t, j) => shadeOf(SCALES.weight.fraction(weightAt(t, j)));
  const runs = shadesOf().map(() => []);
  for (let t = 0; t < T; t++) {
    for (let j = 0, start = 0; j < seenBy(t); j++) {
      const shade = shadeAt(t, j);
      if (j + 1 < seenBy(t) && shade === shadeAt(t, j + 1)) continue;
      runs[shade].push([start, t, j + 1 - start + 0.04, 1.04]);
      start = j + 1;
    }
  }
  runs.forEach((some, shade) => {
    if (!some.length) return;
    context.fillStyle = shadesOf()[shade].ground;
    context.beginPath();
    for (const run of some) context.rect(...run);
    context.fill();
  });
}
