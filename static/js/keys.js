// Lists that are used by keyboard: arrows move between a field and its results, Enter takes the first or the chosen.
import { isComposing } from "./view.js";

const ITEM = "a, button:not(.quiet)";

export function arrows(area, field, list) {
  area.addEventListener("keydown", (event) => {
    if (isComposing(event)) return;
    const { activeElement: current } = document;
    const isItem = list().contains(current) && current.matches(ITEM);
    if (!isItem && event.target !== field()) return;
    if (isItem && /^([^ ]|Backspace)$/.test(event.key) && !event.ctrlKey && !event.metaKey && !event.altKey) return field().focus();
    if (!["ArrowDown", "ArrowUp", "Enter"].includes(event.key)) return;
    // Not checkVisibility(), which lays out each row that is out of sight.
    const items = [...list().querySelectorAll(ITEM)].filter((item) => !item.closest("[hidden]"));
    const at = items.indexOf(current);
    if (event.key === "ArrowDown") items[Math.min(at + 1, items.length - 1)]?.focus();
    else if (event.key === "ArrowUp" && at >= 0) (items[at - 1] ?? field()).focus();
    else if (event.key === "Enter" && at < 0) (items.find((item) => field().value === "" && item.ariaCurrent) ?? items[0])?.click();
    else return;
    event.preventDefault();
  });
}
