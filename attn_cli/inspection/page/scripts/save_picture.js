// "Save picture" beside a figure: a file of vectors (SVG), or of pixels (PNG) at twice the size.

const PICTURE_SCALE = 2,
  MOST_PIXELS = 8000; // of a side of a PNG, which browsers can still draw

// Puts the two buttons after an element. `of()` gives what to draw: { name, title, note, parts },
// where `name` is a part of the file's name, `note` lines beneath the title, and `parts` elements.
function savePicture(after, run, what, of) {
  const button = (kind, save) => {
    const made = element("button", { type: "button", "aria-label": `Save ${what} as ${kind}` }, kind);
    made.addEventListener("click", () => {
      const picture = of();
      save(picture, `${fileName(run, picture.name)}.${kind.toLowerCase()}`);
    });
    return made;
  };
  after.after(
    element("p", { className: "save-picture" }, "Save picture: ", button("SVG", saveSvg), " · ", button("PNG", savePng)),
  );
}

// What is drawn, and its size with a margin all around.
function drawnPicture(picture) {
  const context = new SvgContext();
  paintPicture(context, picture);
  const size = [context.right, context.bottom].map((reached) => Math.ceil(reached + PICTURE_MARGIN));
  return { context, width: size[0], height: size[1] };
}

function saveSvg(picture, name) {
  const { context, width, height } = drawnPicture(picture);
  const ground = xml("rect", { width, height, ...context.paint("fill", colourOf("--paper")) });
  context.parts.unshift(ground);
  download(new Blob([context.file(width, height, picture.title)], { type: "image/svg+xml" }), name);
}

function savePng(picture, name) {
  const { width, height } = drawnPicture(picture),
    scale = Math.min(PICTURE_SCALE, MOST_PIXELS / Math.max(width, height));
  const canvas = element("canvas", { width: Math.round(width * scale), height: Math.round(height * scale) });
  const context = canvas.getContext("2d");
  context.scale(scale, scale);
  context.fillStyle = colourOf("--paper");
  context.fillRect(0, 0, width, height);
  paintPicture(context, picture);
  canvas.toBlob((blob) => download(blob, name), "image/png");
}

function download(blob, name) {
  const address = URL.createObjectURL(blob);
  element("a", { href: address, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(address), 10_000); // when it has been read
}

// "tales-step-400-layer-1-head-2": what the picture is of, as any system takes it.
function fileName(...parts) {
  const words = parts.join(" ").normalize("NFKD").toLowerCase().match(/[\p{L}\p{N}]+/gu);
  return (words ?? ["picture"]).join("-").slice(0, 100);
}
