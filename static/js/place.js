// A way to swap for htmx, `place`: an element whose id is there already is morphed, another one is put where its id
// belongs. Ids sort as text by creation, so the order is right whatever comes first.
{
  let api;
  htmx.registerExtension("place", {
    init: (internal) => { api = internal; },
    handle_swap: (style, target, fragment) => {
      if (style !== "place") return false;
      for (const element of [...fragment.children]) {
        const known = document.getElementById(element.id);
        if (element.className === "end") { // of an answer, which bears the same marks
          target.dataset.done = element.dataset.done;
          target.dataset.finish = element.dataset.finish;
        }
        if (known) {
          const piece = document.createDocumentFragment();
          piece.append(element);
          api.morph(known, piece, false);
          continue;
        }
        let next = null;
        for (let other = target.lastElementChild; other && other.id > element.id; other = other.previousElementSibling) {
          next = other;
        }
        target.insertBefore(element, next);
      }
      return true;
    },
  });
}
