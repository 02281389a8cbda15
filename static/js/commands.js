// Commands: a text that is "/" and the beginning of a word is offered their names, in a list that the box controls.
const box = document.getElementById("box");
const list = document.getElementById("commands");
const FRESH = 60_000; // milliseconds that the list is used before it is asked for again
const OPEN = { "role": "combobox", "aria-expanded": "true", "aria-controls": list.id, "aria-autocomplete": "list" };
const STEPS = { ArrowDown: 1, ArrowUp: -1 };
let commands = []; // every option, in the server's order
let asked = -Infinity; // when
let chosen = null; // the option that Enter takes; null while the list is closed

// What was typed of a name; undefined where the text is none.
const typed = () => /^\/(\S*)$/.exec(box.value)?.[1].toLowerCase();

// Brings the list where it is not fresh; tells whether it did.
async function load() {
  if (Date.now() - asked < FRESH) return false;
  asked = Date.now();
  try {
    const response = await fetch("/chats/commands", { headers: { Accept: "text/html" } });
    if (!response.ok) throw new Error(response.statusText);
    const page = new DOMParser().parseFromString(await response.text(), "text/html");
    commands = [...page.querySelectorAll("[role=option]")]; // none on a login page
    return true;
  } catch {
    asked = -Infinity; // the next key asks again
    return false;
  }
}

function matching(word) {
  const rank = (option) => option.dataset.name.toLowerCase().indexOf(word);
  const found = commands.filter((option) => rank(option) >= 0);
  return [...found.filter((option) => rank(option) === 0), ...found.filter((option) => rank(option) > 0)];
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

// Offers what fits the text; the command named `kept` stays chosen.
function offer(kept) {
  const word = document.activeElement === box ? typed() : undefined;
  const found = word === undefined ? [] : matching(word);
  list.replaceChildren(...found);
  choose(found.find((option) => option.dataset.name === kept) ?? found[0] ?? null);
}

function take(option) {
  box.value = `/${option.dataset.name} `;
  box.dispatchEvent(new Event("input")); // as if it was typed: the box grows, the draft is kept, this list closes
}

box.addEventListener("input", async () => {
  offer();
  if (typed() !== undefined && await load()) offer(chosen?.dataset.name);
});

// Before the keys have their other meanings: to send, to stop the answer.
box.addEventListener("keydown", (event) => {
  if (!chosen || event.isComposing || event.shiftKey || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "Enter" && typed() === chosen.dataset.name.toLowerCase()) return close(); // whole: it is sent
  if (event.key in STEPS) {
    const place = [...list.children].indexOf(chosen) + STEPS[event.key];
    choose(list.children[(place + list.children.length) % list.children.length]);
  } else if (event.key === "Enter" || event.key === "Tab") take(chosen);
  else if (event.key === "Escape") close();
  else return;
  event.preventDefault();
  event.stopPropagation();
}, true);

box.addEventListener("blur", close);
document.addEventListener("chat:sent", close);
list.addEventListener("mousedown", (event) => event.preventDefault()); // the box keeps the focus
list.addEventListener("click", (event) => {
  const option = event.target.closest("[role=option]");
  if (option) take(option);
});
