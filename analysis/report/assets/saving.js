// A chart as a file: the picture as it is shown, in the colours of paper.

const KEPT = ["display", "fill", "fill-opacity", "font-family", "font-size", "font-weight", "opacity", "paint-order"];
const KEPT_OF_LINES = ["stroke", "stroke-dasharray", "stroke-linejoin", "stroke-opacity", "stroke-width", "visibility"];

function savePicture(drawing, name) {
  const link = html("a", { href: URL.createObjectURL(new Blob([pictureOf(drawing)], { type: "image/svg+xml" })), download: `${name}.svg` });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

function pictureOf(drawing) {
  const copy = drawing.cloneNode(true);
  document.documentElement.classList.add("paper");
  const originals = [drawing, ...drawing.querySelectorAll("*")];
  const copies = [copy, ...copy.querySelectorAll("*")];
  originals.forEach((original, i) => {
    const style = getComputedStyle(original);
    for (const property of [...KEPT, ...KEPT_OF_LINES]) copies[i].style.setProperty(property, style.getPropertyValue(property));
  });
  document.documentElement.classList.remove("paper");
  copy.querySelectorAll(".rule").forEach((line) => line.remove());
  copy.prepend(svg("rect", { width: "100%", height: "100%", fill: "#ffffff" }));
  return new XMLSerializer().serializeToString(copy);
}

// A name for a file, of what the picture shows.
function fileName(words) {
  return words.join("-").toLowerCase().replace(/[^\p{L}\p{N}]+/gu, "-").replace(/^-|-$/g, "").slice(0, 100);
}
