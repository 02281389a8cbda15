// The palette (Ctrl+K): chats, actions, commands and models, by keyboard.
import { byId, isComposing, open } from "./view.js";
import { arrows } from "./keys.js";
import { write } from "./composer.js";
import { choose } from "./picker.js";
import { toggle } from "./sidebar.js";

const dialog = byId("palette");

export function openPalette() {
  if (dialog.open) return;
  byId("palette-words").value = "";
  htmx.ajax("GET", "/chats/palette", { target: "#palette-list", swap: "innerHTML" });
  dialog.showModal();
}

export async function copyLast() {
  [...document.querySelectorAll(".message.assistant > .end .copy-text")].at(-1)?.click();
}

const ACTIONS = {
  new: () => open("/"),
  side: toggle,
  copy: copyLast,
  model: () => byId("pick").click(),
  keys: () => byId("keys").showModal(),
};

arrows(dialog, () => byId("palette-words"), () => byId("palette-list"));

dialog.addEventListener("click", (event) => {
  const item = event.target.closest("a, button");
  if (!item && event.target !== dialog) return;
  dialog.close();
  if (!item) return;
  byId("box").focus();
  const { action, command, model, name } = item.dataset;
  if (action) ACTIONS[action]();
  else if (command) write(`/${command} `);
  else if (model) choose(model, name);
});

// Esc closes it unless it ends a composition.
dialog.addEventListener("keydown", (event) => { if (event.key === "Escape" && isComposing(event)) event.preventDefault(); });
