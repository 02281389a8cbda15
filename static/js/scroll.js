// Keeps the end of the conversation in view unless the reader has scrolled up; a button scrolls back down. A search
// result opens at its message, with the words marked.
import { byId, eachChat, open } from "./view.js";

const NEAR = 80; // pixels
const AHEAD = 400; // pixels from the top at which older messages are loaded
let area, button, following, last;

const distance = () => area.scrollHeight - area.scrollTop - area.clientHeight;
const toEnd = () => { area.scrollTop = area.scrollHeight; };
const hasGap = () => area.querySelector(".newer"); // messages below are not loaded

function scrolled() {
  if (distance() < NEAR && !hasGap()) following = true;
  else if (area.scrollTop < last) following = false; // only scrolling up: text may arrive between a scroll to the end and its event
  last = area.scrollTop;
  button.hidden = following;
  if (following) return;
  if (area.scrollTop < AHEAD) load(".older");
  if (distance() < AHEAD) load(".newer");
}

function load(place) {
  const link = area.querySelector(`${place} a:not([data-loading])`);
  if (!link) return;
  link.dataset.loading = "";
  link.click();
}

document.addEventListener("chat:sent", () => { following = true; toEnd(); });

eachChat(() => {
  area = byId("scroll");
  button = byId("latest");
  following = true;
  last = 0;
  area.addEventListener("scroll", scrolled, { passive: true });
  button.addEventListener("click", () => {
    if (hasGap()) return open(location.pathname);
    following = true;
    toEnd();
  });
  const messages = byId("messages");
  if (!messages) return;
  toEnd();
  const follow = new ResizeObserver(() => { if (following) toEnd(); });
  for (const box of [messages, area]) follow.observe(box);
  // Older messages are inserted above; what is being read keeps its position.
  let before = 0;
  messages.addEventListener("htmx:before:swap", (event) => { before = event.target.closest(".newer") ? null : distance(); });
  messages.addEventListener("htmx:after:swap", () => { if (!following && before !== null) area.scrollTop += distance() - before; });
  toMatch();
});

function toMatch() {
  const asked = new URLSearchParams(location.search);
  const message = byId(asked.get("at") ?? "");
  if (!message) return;
  following = false;
  message.classList.add("found");
  const fold = message.querySelector(".unfold input");
  if (fold) fold.checked = true;
  const words = (asked.get("find") ?? "").toLowerCase();
  const ranges = words ? matches(message, words) : [];
  if (ranges.length && CSS.highlights) CSS.highlights.set("found", new Highlight(...ranges));
  const place = ranges[0]?.startContainer.parentElement ?? message;
  place.scrollIntoView({ block: "center" });
  last = area.scrollTop;
  button.hidden = false;
}

function matches(message, words) {
  const walker = document.createTreeWalker(message, NodeFilter.SHOW_TEXT);
  const ranges = [];
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const at = node.data.toLowerCase().indexOf(words);
    if (at < 0 || node.parentElement.closest(".actions, .sr")) continue;
    const range = new Range();
    range.setStart(node, at);
    range.setEnd(node, Math.min(node.length, at + words.length));
    ranges.push(range);
  }
  return ranges;
}
