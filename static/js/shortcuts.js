// Keyboard shortcuts. Escape closes what is open and nearest, and stops an answer only where nothing is.
import { byId, isComposing, open } from "./view.js";
import { stopPicking } from "./chats.js";
import { stopEditing } from "./composer.js";
import { copyLast, openPalette } from "./palette.js";
import { step, toggle } from "./sidebar.js";

const isField = (element) => element.matches("input, textarea, select");

function escape(target) {
  const menu = document.querySelector("details.more[open], details.meta[open]");
  const drawer = byId("drawer");
  const search = byId("search");
  if (menu) {
    menu.open = false;
    menu.querySelector("summary").focus();
  } else if (target.closest("#sidebar") && search.value) {
    search.value = "";
    search.dispatchEvent(new Event("search", { bubbles: true }));
    search.focus();
  } else if (target.id !== "box" && stopPicking()) {
    byId("search").focus();
  } else if (drawer.checked || target.closest("#sidebar")) {
    drawer.checked = false;
    byId("box").focus();
  } else if (stopEditing()) return;
  else if (isField(target) && target.id !== "box") target.blur();
  else byId("stop")?.checkVisibility() && byId("stop").click();
}

document.addEventListener("keydown", (event) => {
  if (isComposing(event) || event.defaultPrevented) return;
  const command = event.ctrlKey || event.metaKey;
  const key = event.key.toLowerCase();
  if (event.key === "Escape") {
    if (!document.querySelector("dialog[open], :popover-open")) escape(event.target);
    return;
  }
  let act = null;
  if (command && key === "k") act = openPalette;
  else if (command && event.shiftKey) act = { o: () => open("/"), s: toggle, c: copyLast }[key];
  else if (event.altKey && !command && !(isField(event.target) && event.target.value)) act = { arrowup: () => step(-1), arrowdown: () => step(1) }[key];
  else if (!isField(event.target) && !command) act = { "/": () => byId("box").focus(), "?": () => byId("keys").showModal() }[key];
  if (!act) return;
  event.preventDefault();
  act();
});
