// An htmx swap style, `place`: morphs the element with the same id, or inserts a new one in the order of ids. Ids sort
// by creation time, so elements are in order whichever arrives first.
{
  let api;
  htmx.registerExtension("place", {
    init: (internal) => { api = internal; },
    handle_swap: (style, target, fragment) => {
      if (style !== "place") return false;
      for (const element of [...fragment.children]) {
        const known = document.getElementById(element.id);
        if (element.className === "end") { // the end of an answer, whose marks its message has too
          target.dataset.done = element.dataset.done;
          target.dataset.finish = element.dataset.finish;
        }
        if (known) {
          const content = document.createDocumentFragment();
          content.append(element);
          api.morph(known, content, false);
          htmx.process(known);
          continue;
        }
        let next = null;
        for (let other = target.lastElementChild; other && other.id > element.id; other = other.previousElementSibling) {
          next = other;
        }
        target.insertBefore(element, next);
        htmx.process(element);
      }
      return true;
    },
  });
}
