// The conversation follows its end, unless the reader has scrolled up; a button brings them back.
const area = document.getElementById("scroll");
const button = document.getElementById("latest");
const NEAR = 80; // pixels
const AHEAD = 400; // pixels from the top at which older messages are asked for
let following = true;

const toEnd = () => { area.scrollTop = area.scrollHeight; };

area.addEventListener("scroll", () => {
  following = area.scrollHeight - area.scrollTop - area.clientHeight < NEAR;
  button.hidden = following;
  if (!following && area.scrollTop < AHEAD) loadOlder();
}, { passive: true });

function loadOlder() {
  const link = area.querySelector(".older a:not([data-asked])");
  if (!link) return;
  link.dataset.asked = "";
  link.click();
}

button.addEventListener("click", () => { following = true; toEnd(); });
document.addEventListener("chat:sent", () => { following = true; toEnd(); });

const messages = document.getElementById("messages");
if (messages) {
  toEnd();
  new ResizeObserver(() => { if (following) toEnd(); }).observe(messages);
  new ResizeObserver(() => { if (following) toEnd(); }).observe(area);
  // Older messages are put in above: what is being read stays where it is.
  let before = 0;
  messages.addEventListener("htmx:before:swap", () => { before = area.scrollHeight - area.scrollTop; });
  messages.addEventListener("htmx:after:swap", () => { if (!following) area.scrollTop = area.scrollHeight - before; });
}
