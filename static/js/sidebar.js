// The list of chats: which one is open, and the drawer on small screens.
const sessions = document.getElementById("sessions");
const here = sessions.dataset.here;
const drawer = document.getElementById("drawer");

function mark() {
  for (const link of document.querySelectorAll("#sidebar li a")) {
    const current = here !== "" && link.getAttribute("href") === `/chat/${here}`;
    if (current === link.hasAttribute("aria-current")) continue;
    if (current) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
}

new MutationObserver(mark).observe(sessions, {
  childList: true, subtree: true, attributes: true, attributeFilter: ["aria-current", "href"],
});
mark();

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
  if (event.target.closest("[data-close]")) event.target.closest("#notice").replaceChildren();
});

export const closeDrawer = () => { drawer.checked = false; };
