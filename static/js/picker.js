// The model picker: loads its list when opened, and filters it while typing.
const dialog = document.getElementById("models");
const model = document.getElementById("model");
const picked = document.getElementById("picked");

document.getElementById("pick").addEventListener("click", async () => {
  await htmx.ajax("GET", `/chats/models?chosen=${encodeURIComponent(model.value)}`, { target: dialog, swap: "innerHTML" });
  dialog.showModal();
  dialog.querySelector("#model-filter")?.focus();
});

dialog.addEventListener("input", (event) => {
  if (event.target.id !== "model-filter") return;
  const words = event.target.value.toLowerCase().split(/\s+/);
  let matches = 0;
  for (const section of dialog.querySelectorAll("section")) {
    let shown = 0;
    for (const button of section.querySelectorAll("button")) {
      const name = `${button.value} ${button.dataset.name}`.toLowerCase();
      button.hidden = !words.every((word) => name.includes(word));
      shown += !button.hidden;
    }
    section.hidden = !shown;
    matches += shown;
  }
  dialog.querySelector(".none").hidden = matches > 0;
});

// Enter in the search field picks the first model shown.
dialog.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.target.id !== "model-filter") return;
  event.preventDefault();
  dialog.querySelector("section:not([hidden]) button:not([hidden])")?.click();
});

dialog.addEventListener("click", (event) => {
  if (event.target === dialog) dialog.close();
  const button = event.target.closest("button[data-name]");
  if (!button) return;
  model.value = button.value;
  picked.textContent = button.dataset.name;
  htmx.ajax("GET", `/chats/effort?model=${encodeURIComponent(button.value)}`, { target: "#effort", swap: "innerHTML" });
});
