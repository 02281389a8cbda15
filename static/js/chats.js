// What can be done with the chats of the list: the menu of each one, and the selection of several.
import { byId, open } from "./view.js";

const sidebar = byId("sidebar");
const menu = byId("chat-menu");
let opener = null;
let dismissed = null; // the button whose menu this click closes
let last = null; // the box that was checked last: with Shift, all up to the next one are

async function openMenu(button) {
  if (dismissed === button) return;
  opener = button;
  await htmx.ajax("GET", button.dataset.menu, { target: menu, swap: "innerHTML" });
  if (!menu.firstElementChild || opener !== button) return;
  menu.showPopover();
  const { bottom, left } = button.getBoundingClientRect();
  menu.style.left = `${Math.max(8, Math.min(left, innerWidth - menu.offsetWidth - 8))}px`;
  menu.style.top = `${Math.max(8, Math.min(bottom + 4, innerHeight - menu.offsetHeight - 8))}px`;
  menu.querySelector("form:not(.rename) button")?.focus();
}

document.addEventListener("pointerdown", () => { dismissed = menu.matches(":popover-open") ? opener : null; }, true);

const boxes = () => [...sidebar.querySelectorAll("li > input")].filter((box) => box.checkVisibility());
const picked = () => sidebar.querySelectorAll("li > input:checked");

function count() {
  const number = picked().length;
  byId("many").querySelector("p").textContent = `${number} selected`;
  for (const button of byId("many").querySelectorAll("div button")) button.disabled = !number;
}

function startPicking(id) {
  if (!byId("many")) {
    byId("picking").before(byId("picking").content.cloneNode(true));
    htmx.process(byId("many"));
  }
  sidebar.classList.add("picking");
  last = sidebar.querySelector(`li > input[value="${CSS.escape(id)}"]`);
  if (last) last.checked = true;
  last?.focus();
  count();
}

// Ends the selection; returns whether there was one.
export function stopPicking() {
  if (!sidebar.classList.contains("picking")) return false;
  sidebar.classList.remove("picking");
  for (const box of picked()) box.checked = false;
  byId("many").remove();
  return true;
}

sidebar.addEventListener("click", (event) => {
  const button = event.target.closest(".item-more");
  if (button) return openMenu(button);
  if (!sidebar.classList.contains("picking")) return;
  if (event.target.closest("[data-pick-none]")) return stopPicking();
  if (event.target.closest("[data-pick-all]")) {
    const all = boxes();
    const check = !all.every((box) => box.checked);
    for (const box of all) box.checked = check;
    return count();
  }
  const item = event.target.closest("li");
  const box = item?.querySelector(":scope > input");
  if (!box) return;
  if (event.target !== box) { // a click on its name
    event.preventDefault();
    box.checked = !box.checked;
  }
  const all = boxes();
  const [from, to] = [all.indexOf(last), all.indexOf(box)].sort((one, other) => one - other);
  if (event.shiftKey && from >= 0) for (const other of all.slice(from, to)) other.checked = box.checked;
  last = box;
  count();
});

menu.addEventListener("click", (event) => {
  const { pick } = event.target.closest("[data-pick]")?.dataset ?? {};
  if (pick || event.target.closest("a")) menu.hidePopover();
  if (pick) startPicking(pick);
});

// A menu closes when an action of it is sent. What an action did stands in the list before the stream says so.
document.addEventListener("htmx:before:request", ({ detail: { ctx: { sourceElement: source } } }) => {
  if (menu.contains(source)) menu.hidePopover();
});

document.addEventListener("htmx:finally:request", async ({ detail: { ctx } }) => {
  const { request: { action, body }, response } = ctx;
  if (!/^\/chats\/(delete|archive|unarchive)$/.test(action) || !response?.raw?.ok) return;
  for (const id of body?.getAll?.("id") ?? []) byId(`older-${id}`)?.remove();
  stopPicking();
  const place = response.raw.headers.get("Chat-Location");
  if (!place) return;
  const notice = [...byId("notice").childNodes]; // with Undo, it stays while the start page opens
  byId("notice").replaceChildren();
  await open(place);
  byId("notice").replaceChildren(...notice);
  htmx.process(byId("notice"));
});
