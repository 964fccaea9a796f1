// The contents: beside the page where there is room, else closed behind a line on top of it.

const ROOM_BESIDE = "(min-width: 75rem)"; // as in page.css

function followSections() {
  const contents = document.getElementById("contents");
  if (contents === null) return;
  const room = matchMedia(ROOM_BESIDE);
  const fit = () => (contents.open = room.matches);
  fit();
  room.addEventListener("change", fit);
  contents.addEventListener("click", ({ target }) => target.closest("a") && fit());
  addEventListener("keydown", ({ key }) => key === "Escape" && fit());
  addEventListener("pointerdown", ({ target }) => contents.contains(target) || fit());
  const seen = new IntersectionObserver((changes) => changes.forEach(mark), { rootMargin: "-25% 0px -75% 0px" });
  for (const section of document.querySelectorAll("main section[id]")) seen.observe(section);
}

// The chapter that the reader is in.
function mark({ target, isIntersecting }) {
  const link = document.querySelector(`#contents a[href="#${target.id}"]`);
  if (link === null) return;
  if (isIntersecting) link.setAttribute("aria-current", "true");
  else link.removeAttribute("aria-current");
}
