// Commands: after "/" and the beginning of a name, the message box lists the matching ones.
import { byId, eachChat, isComposing } from "./view.js";
import { write } from "./composer.js";

const FRESH = 60_000; // milliseconds before the list is loaded again
const OPEN = { "role": "combobox", "aria-expanded": "true", "aria-controls": "commands", "aria-autocomplete": "list" };
const STEPS = { ArrowDown: 1, ArrowUp: -1 };
let box, list;
let commands = []; // every option, in the server's order
let loaded = -Infinity; // time of the last load
let chosen = null; // the option that Enter takes; null while the list is closed

// The typed part of a command's name; undefined if the text is not the beginning of a command.
const typed = () => /^\/(\S*)$/.exec(box.value)?.[1].toLowerCase();

// Loads the list unless it is fresh; returns whether it did.
async function load() {
  if (Date.now() - loaded < FRESH) return false;
  loaded = Date.now();
  try {
    const response = await fetch("/chats/commands", { headers: { Accept: "text/html" } });
    if (!response.ok) throw new Error(response.statusText);
    const page = new DOMParser().parseFromString(await response.text(), "text/html");
    commands = [...page.querySelectorAll("[role=option]")]; // none if this is the login page
    return true;
  } catch {
    loaded = -Infinity; // the next key asks again
    return false;
  }
}

function matching(word) {
  const rank = (option) => option.dataset.name.toLowerCase().indexOf(word);
  const matches = commands.filter((option) => rank(option) >= 0);
  return [...matches.filter((option) => rank(option) === 0), ...matches.filter((option) => rank(option) > 0)];
}

function choose(option) {
  chosen?.setAttribute("aria-selected", "false");
  chosen = option;
  list.hidden = !option;
  if (!option) {
    for (const name of [...Object.keys(OPEN), "aria-activedescendant"]) box.removeAttribute(name);
    return;
  }
  for (const [name, value] of Object.entries(OPEN)) box.setAttribute(name, value);
  box.setAttribute("aria-activedescendant", option.id);
  option.setAttribute("aria-selected", "true");
  option.scrollIntoView({ block: "nearest" });
}

const close = () => choose(null);

// Shows the commands that match the text; the one named `kept` stays chosen.
function offer(kept) {
  const word = document.activeElement === box ? typed() : undefined;
  const matches = word === undefined ? [] : matching(word);
  list.replaceChildren(...matches);
  choose(matches.find((option) => option.dataset.name === kept) ?? matches[0] ?? null);
}

function take(option) {
  write(`/${option.dataset.name} `); // as if typed: the box grows, the draft is saved, this list closes
}

eachChat(() => {
  box = byId("box");
  list = byId("commands");
  chosen = null;
  box.addEventListener("input", async () => {
    offer();
    if (typed() !== undefined && await load()) offer(chosen?.dataset.name);
  });
  box.addEventListener("keydown", keydown, true); // in the capture phase, before Enter sends and Escape stops the answer
  box.addEventListener("blur", close);
  list.addEventListener("mousedown", (event) => event.preventDefault()); // the box keeps the focus
  list.addEventListener("click", (event) => {
    const option = event.target.closest("[role=option]");
    if (option) take(option);
  });
});

function keydown(event) {
  if (!chosen || isComposing(event) || event.shiftKey || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "Enter" && typed() === chosen.dataset.name.toLowerCase()) return close(); // the name is complete: send it
  if (event.key in STEPS) {
    const place = [...list.children].indexOf(chosen) + STEPS[event.key];
    choose(list.children[(place + list.children.length) % list.children.length]);
  } else if (event.key === "Enter" || event.key === "Tab") take(chosen);
  else if (event.key === "Escape") close();
  else return;
  event.preventDefault();
  event.stopPropagation();
}

document.addEventListener("chat:sent", close);
