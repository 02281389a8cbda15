// Lists that are used by keyboard: arrows move between a field and its results, Enter takes the first or the chosen.
import { isComposing } from "./view.js";

export function arrows(area, field, list) {
  area.addEventListener("keydown", (event) => {
    if (isComposing(event)) return;
    const items = [...list().querySelectorAll("a, button:not(.quiet)")].filter((item) => item.checkVisibility?.() ?? item.offsetParent);
    const at = items.indexOf(document.activeElement);
    if (at < 0 && event.target !== field()) return;
    if (event.key === "ArrowDown") items[Math.min(at + 1, items.length - 1)]?.focus();
    else if (event.key === "ArrowUp" && at >= 0) (items[at - 1] ?? field()).focus();
    else if (event.key === "Enter" && at < 0) (items.find((item) => field().value === "" && item.ariaCurrent) ?? items[0])?.click();
    else {
      if (at >= 0 && /^([^ ]|Backspace)$/.test(event.key) && !event.ctrlKey && !event.metaKey && !event.altKey) field().focus();
      return;
    }
    event.preventDefault();
  });
}
