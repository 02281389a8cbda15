// The list of chats: marks the open one, and shows each chat once.
const sessions = document.getElementById("sessions");
const current = sessions.dataset.current;
const older = document.getElementById("older");

function mark() {
  for (const link of document.querySelectorAll("#sidebar li a")) {
    const isCurrent = current !== "" && link.getAttribute("href") === `/chat/${current}`;
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
for (const list of [sessions, older]) {
  changes.observe(list, { childList: true, subtree: true, attributes: true, attributeFilter: ["aria-current", "href"] });
}
mark();

// The menu closes when an action of it is sent.
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
