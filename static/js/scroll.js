// Keeps the end of the conversation in view unless the reader has scrolled up; a button scrolls back down.
const area = document.getElementById("scroll");
const button = document.getElementById("latest");
const NEAR = 80; // pixels
const AHEAD = 400; // pixels from the top at which older messages are loaded
let following = true;
let last = 0;

const distance = () => area.scrollHeight - area.scrollTop - area.clientHeight;
const toEnd = () => { area.scrollTop = area.scrollHeight; };

// Only scrolling up ends following: text may arrive between a scroll to the end and its event.
area.addEventListener("scroll", () => {
  if (distance() < NEAR) following = true;
  else if (area.scrollTop < last) following = false;
  last = area.scrollTop;
  button.hidden = following;
  if (!following && area.scrollTop < AHEAD) loadOlder();
}, { passive: true });

function loadOlder() {
  const link = area.querySelector(".older a:not([data-loading])");
  if (!link) return;
  link.dataset.loading = "";
  link.click();
}

button.addEventListener("click", () => { following = true; toEnd(); });
document.addEventListener("chat:sent", () => { following = true; toEnd(); });

const messages = document.getElementById("messages");
if (messages) {
  toEnd();
  const follow = new ResizeObserver(() => { if (following) toEnd(); });
  for (const box of [messages, area]) follow.observe(box);
  // Older messages are inserted above; what is being read keeps its position.
  let before = 0;
  messages.addEventListener("htmx:before:swap", () => { before = distance(); });
  messages.addEventListener("htmx:after:swap", () => { if (!following) area.scrollTop += distance() - before; });
}
