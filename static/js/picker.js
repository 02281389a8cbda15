// The model picker: opens at the chosen model, with those used last on top; filters while typing.
import { byId, stored } from "./view.js";
import { arrows } from "./keys.js";

const dialog = byId("models");
const RECENT = 5;
let again = null; // the form that answers again with the model that is picked

const recent = () => stored((storage) => JSON.parse(storage.getItem("recent-models")), "localStorage") ?? [];

async function pick(form = null) {
  again = form;
  await htmx.ajax("GET", `/chats/models?chosen=${encodeURIComponent(byId("model").value)}`, { target: dialog, swap: "innerHTML" });
  const section = document.createElement("section");
  section.className = "recent";
  section.innerHTML = "<h2>Recent</h2>";
  for (const id of recent()) {
    const row = dialog.querySelector(`button[value="${CSS.escape(id)}"]`);
    if (row) section.append(row.cloneNode(true));
  }
  if (section.children.length > 1) dialog.querySelector(".pick-list")?.prepend(section);
  dialog.showModal();
  byId("model-filter")?.focus();
  const list = dialog.querySelector(".pick-list");
  const chosen = [...dialog.querySelectorAll("[aria-current]")].at(-1);
  if (chosen && !section.contains(chosen) && section.querySelector("[aria-current]") === null) {
    list.scrollTop = chosen.offsetTop - list.offsetTop - list.clientHeight / 2;
  }
}

dialog.addEventListener("input", (event) => {
  if (event.target.id !== "model-filter") return;
  const words = event.target.value.toLowerCase().split(/\s+/);
  let matches = 0;
  for (const section of dialog.querySelectorAll("section")) {
    let shown = 0;
    const isRepeated = section.className === "recent" && event.target.value;
    for (const button of section.querySelectorAll("button")) {
      const name = `${button.value} ${button.dataset.name}`.toLowerCase();
      button.hidden = isRepeated || !words.every((word) => name.includes(word));
      shown += !button.hidden;
    }
    section.hidden = !shown;
    matches += shown;
  }
  dialog.querySelector(".none").hidden = matches > 0;
});

arrows(dialog, () => byId("model-filter"), () => dialog.querySelector(".pick-list"));

// Chooses a model for what is sent next; the server remembers it for new chats.
export async function choose(id, name) {
  byId("model").value = id;
  byId("picked").textContent = name;
  stored((storage) => storage.setItem("recent-models", JSON.stringify([id, ...recent().filter((other) => other !== id)].slice(0, RECENT))), "localStorage");
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
