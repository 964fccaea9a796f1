// A sign that more is to be seen of what scrolls within the page.

const SCROLLERS = ".wide, #legend";

function showCues() {
  const sized = new ResizeObserver((changes) => changes.forEach(({ target }) => cue(target.closest(SCROLLERS))));
  for (const scroller of document.querySelectorAll(SCROLLERS)) {
    scroller.addEventListener("scroll", () => cue(scroller), { passive: true });
    for (const element of [scroller, ...scroller.children]) sized.observe(element);
  }
}

function cue(scroller) {
  const [across, down] = [scroller.scrollWidth - scroller.clientWidth, scroller.scrollHeight - scroller.clientHeight];
  scroller.classList.toggle("scrolls", across > 1);
  scroller.classList.toggle("more-right", across - scroller.scrollLeft > 1);
  scroller.classList.toggle("more-below", across <= 1 && down - scroller.scrollTop > 1);
  if (across > 1) scroller.tabIndex = 0;
  else scroller.removeAttribute("tabindex");
}
