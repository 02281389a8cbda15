// Keyboard shortcuts.
const box = document.getElementById("box");
const keys = document.getElementById("keys");
const stop = document.getElementById("stop");

const isField = (element) => /^(INPUT|TEXTAREA|SELECT)$/.test(element.tagName);

document.addEventListener("keydown", (event) => {
  const command = event.ctrlKey || event.metaKey;
  if (command && event.key.toLowerCase() === "k") {
    event.preventDefault();
    document.getElementById("drawer").checked = true;
    document.getElementById("search").focus();
  } else if (command && event.shiftKey && event.key.toLowerCase() === "o") {
    event.preventDefault();
    location.assign("/");
  } else if (event.key === "Escape" && !document.querySelector("dialog[open]")) {
    document.getElementById("drawer").checked = false;
    const open = document.querySelector("details.more[open], details.meta[open]");
    if (open) open.open = false;
    else if (stop && getComputedStyle(stop).display !== "none") stop.click();
  } else if (!isField(event.target) && !command && event.key === "/") {
    event.preventDefault();
    box.focus();
  } else if (!isField(event.target) && !command && event.key === "?") {
    keys.showModal();
  }
});
