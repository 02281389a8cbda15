// The list of chats: marks the open one, shows each chat once, keeps its place, and can be hidden.
import { byId, stored } from "./view.js";
import { arrows } from "./keys.js";

const sessions = byId("sessions");
const older = byId("older");
const list = document.querySelector(".chat-list");

function mark() {
  for (const link of document.querySelectorAll("#sidebar li a")) {
    const isCurrent = link.pathname === location.pathname;
    if (isCurrent === link.hasAttribute("aria-current")) continue;
    if (isCurrent) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
}

// An older chat with a new message is listed among the newest again.
function removeDuplicates() {
  for (const link of older.querySelectorAll("li a")) {
    if (sessions.querySelector(`a[href="${link.getAttribute("href")}"]`)) link.closest("li").remove();
  }
}

const changes = new MutationObserver(() => { mark(); removeDuplicates(); });
for (const each of [sessions, older]) {
  changes.observe(each, { childList: true, subtree: true, attributes: true, attributeFilter: ["aria-current", "href"] });
}

// The list keeps its place through a full load, and shows the open chat.
list.scrollTop = stored((storage) => Number(storage.getItem("list"))) ?? 0;
addEventListener("pagehide", () => stored((storage) => storage.setItem("list", list.scrollTop)));
document.addEventListener("chat:opened", mark);
mark();
const current = sessions.querySelector("[aria-current]");
if (current && (current.offsetTop < list.scrollTop || current.offsetTop > list.scrollTop + list.clientHeight)) {
  current.scrollIntoView({ block: "center" });
}

arrows(byId("sidebar"), () => byId("search"), () => byId(byId("search").value.trim() ? "found" : "sessions"));

// Opens the next chat of the list, or the one before.
export function step(by) {
  const links = [...document.querySelectorAll("#sessions li a, #older li a")];
  const at = links.findIndex((link) => link.ariaCurrent);
  (links[at + by] ?? links[at < 0 ? 0 : at])?.click();
}

export function toggle() {
  if (document.querySelector("label.menu").checkVisibility()) { // in a narrow window the list is a drawer
    byId("drawer").checked = !byId("drawer").checked;
    return;
  }
  const hidden = document.documentElement.classList.toggle("no-side");
  stored((storage) => storage.setItem("no-side", hidden ? "1" : ""), "localStorage");
}

document.addEventListener("click", (event) => {
  if (event.target.closest(".collapse")) toggle();
  for (const menu of document.querySelectorAll("details.more[open], details.meta[open]")) {
    if (!menu.contains(event.target) || event.target.closest(".menu-list a")) menu.open = false;
  }
});

// The menu closes when an action of it is sent, and the focus stays on it.
document.addEventListener("htmx:before:request", (event) => {
  const menu = event.target.closest?.("details.more");
  if (!menu?.open) return;
  menu.open = false;
  menu.querySelector("summary").focus();
});
