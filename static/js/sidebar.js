// The list of chats: which one is open, and no chat twice.
const sessions = document.getElementById("sessions");
const here = sessions.dataset.here;
const older = document.getElementById("older");

function mark() {
  for (const link of document.querySelectorAll("#sidebar li a")) {
    const current = here !== "" && link.getAttribute("href") === `/chat/${here}`;
    if (current === link.hasAttribute("aria-current")) continue;
    if (current) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
}

// An older chat that goes on is among the newest again.
function once() {
  for (const link of older.querySelectorAll("li a")) {
    if (sessions.querySelector(`a[href="${link.getAttribute("href")}"]`)) link.closest("li").remove();
  }
}

const changes = new MutationObserver(() => { mark(); once(); });
for (const list of [sessions, older]) {
  changes.observe(list, { childList: true, subtree: true, attributes: true, attributeFilter: ["aria-current", "href"] });
}
mark();

// What was chosen in the menu is on its way: the menu closes. A link that was made stays to be copied.
document.addEventListener("htmx:before:request", (event) => {
  const menu = event.target.closest?.("details.more");
  if (menu) menu.open = false;
});

// The title in the tab follows the one on the page.
const title = document.getElementById("title");
if (title) {
  new MutationObserver(() => {
    document.title = `${document.getElementById("title").textContent} · OpenCode API`;
  }).observe(title.parentElement, { childList: true, subtree: true, characterData: true });
}

document.addEventListener("click", (event) => {
  for (const menu of document.querySelectorAll("details.more[open], details.meta[open]")) {
    if (!menu.contains(event.target)) menu.open = false;
  }
});
