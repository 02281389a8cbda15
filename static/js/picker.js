// The model picker: opens at the chosen model, with favourites and those used last on top; filters while typing.
import { byId, stored } from "./view.js";
import { arrows } from "./keys.js";

const dialog = byId("models");
const RECENT = 5;
let again = null; // the form that answers again with the model that is picked

const kept = (name) => stored((storage) => JSON.parse(storage.getItem(name)), "localStorage") ?? [];
const keep = (name, ids) => stored((storage) => storage.setItem(name, JSON.stringify(ids)), "localStorage");
const rowOf = (id) => dialog.querySelector(`section:not(.top) button[value="${CSS.escape(id)}"]`)?.parentElement;

// The favourites and the models used last stand on top, too.
function showTop() {
  for (const section of dialog.querySelectorAll(".top")) section.remove();
  const favourites = kept("favourite-models");
  for (const row of dialog.querySelectorAll(".row")) mark(row, favourites);
  const recent = kept("recent-models").filter((id) => !favourites.includes(id));
  for (const [name, title, ids] of [["recent", "Recent", recent], ["favourites", "Favourites", favourites]]) {
    const rows = ids.map(rowOf).filter(Boolean).map((row) => row.cloneNode(true));
    if (!rows.length) continue;
    const section = document.createElement("section");
    section.className = `top ${name}`;
    const heading = document.createElement("h2");
    heading.textContent = title;
    section.append(heading, ...rows);
    dialog.querySelector(".pick-list").prepend(section);
  }
}

function mark(row, favourites) {
  const [button, star] = row.children;
  star.ariaPressed = favourites.includes(button.value);
  star.title = star.ariaPressed === "true" ? "Favourite" : "Add to favourites";
  star.lastElementChild.textContent = `Favourite: ${button.dataset.name}`;
}

async function pick(form = null) {
  again = form;
  await htmx.ajax("GET", `/chats/models?chosen=${encodeURIComponent(byId("model").value)}`, { target: dialog, swap: "innerHTML" });
  const star = dialog.querySelector("template")?.content;
  if (star) for (const row of dialog.querySelectorAll(".row")) row.append(star.cloneNode(true));
  showTop();
  dialog.showModal();
  byId("model-filter")?.focus();
  const chosen = dialog.querySelector("[aria-current]");
  if (chosen && !chosen.closest(".top")) chosen.scrollIntoView({ block: "center" });
}

dialog.addEventListener("input", (event) => {
  if (event.target.id !== "model-filter") return;
  const words = event.target.value.toLowerCase().split(/\s+/);
  let matches = 0;
  for (const section of dialog.querySelectorAll("section")) {
    let shown = 0;
    const isRepeated = section.matches(".top") && event.target.value;
    for (const row of section.querySelectorAll(".row")) {
      const button = row.firstElementChild;
      const name = `${button.value} ${button.dataset.name}`.toLowerCase();
      row.hidden = isRepeated || !words.every((word) => name.includes(word));
      shown += !row.hidden;
    }
    section.hidden = !shown;
    matches += shown;
  }
  dialog.querySelector(".none").hidden = matches > 0;
});

dialog.addEventListener("click", (event) => {
  const star = event.target.closest(".star");
  if (!star) return;
  const id = star.previousElementSibling.value;
  const others = kept("favourite-models").filter((other) => other !== id);
  keep("favourite-models", star.ariaPressed === "true" ? others : [...others, id]);
  const place = star.getBoundingClientRect().top;
  const isTop = star.closest(".top");
  showTop();
  const row = isTop ? rowOf(id) : star.parentElement; // rows on top are made anew
  row.lastElementChild.focus({ preventScroll: true });
  if (!isTop) dialog.querySelector(".pick-list").scrollTop += row.lastElementChild.getBoundingClientRect().top - place;
});

arrows(dialog, () => byId("model-filter"), () => dialog.querySelector(".pick-list"));

// Chooses a model for what is sent next; the server remembers it for new chats.
export async function choose(id, name) {
  byId("model").value = id;
  byId("picked").textContent = name;
  keep("recent-models", [id, ...kept("recent-models").filter((other) => other !== id)].slice(0, RECENT));
  await htmx.ajax("GET", `/chats/effort?model=${encodeURIComponent(id)}`, { target: "#effort", swap: "innerHTML" });
  document.dispatchEvent(new CustomEvent("chat:model"));
}

dialog.addEventListener("click", async (event) => {
  if (event.target === dialog) dialog.close();
  const button = event.target.closest("button[data-name]");
  if (!button) return;
  const form = again;
  await choose(button.value, button.dataset.name);
  byId("box").focus();
  form?.requestSubmit();
});

document.addEventListener("click", (event) => {
  if (event.target.closest("#pick")) pick();
  const other = event.target.closest(".again-with");
  if (other) pick(other.parentElement.querySelector(".again"));
});
