// The message box: grows with its text, sends with Enter, keeps a draft, edits an earlier message.
import { tell } from "./notice.js";
import { clearAttachments, hasAttachments } from "./attachments.js";

const form = document.getElementById("composer");
const box = document.getElementById("box");
const replaces = document.getElementById("replaces");
const editing = form.querySelector(".editing");
const draft = `draft:${location.pathname}`;
let sent = null; // what is on its way

function grow() {
  if (CSS.supports("field-sizing", "content")) return;
  box.style.height = "auto";
  box.style.height = `${box.scrollHeight}px`;
}

function stored(action) {
  try { return action(sessionStorage); } catch { return null; } // storage is off in some frames
}

export function fill(text) {
  box.value = text;
  grow();
  box.focus();
}

function stopEditing() {
  replaces.value = "";
  editing.hidden = true;
}

box.addEventListener("input", () => {
  grow();
  stored((storage) => storage.setItem(draft, box.value));
});

box.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  if (matchMedia("(pointer: coarse)").matches && !event.ctrlKey && !event.metaKey) return; // Enter is a new line there
  event.preventDefault();
  if (box.value.trim() || hasAttachments()) form.requestSubmit(document.getElementById("send"));
});

form.addEventListener("submit", (event) => {
  const stops = event.submitter?.id === "stop";
  if (!stops && (sent || (!box.value.trim() && !hasAttachments()))) {
    event.preventDefault();
    event.stopImmediatePropagation();
    box.focus();
  }
}, true);

// Cleared when it is on its way, and given back if the server refuses it.
form.addEventListener("htmx:before:request", (event) => {
  if (event.detail.ctx.sourceElement !== form) return;
  sent = { text: box.value, replaces: replaces.value };
  box.value = "";
  grow();
  stored((storage) => storage.removeItem(draft));
  document.dispatchEvent(new CustomEvent("chat:sent"));
});

form.addEventListener("htmx:finally:request", (event) => {
  const { sourceElement, response, text } = event.detail.ctx;
  if (sourceElement !== form || !sent) return;
  const refused = !response || !response.raw?.ok || /hx-target="#notice"[^>]*><p>/.test(text ?? "");
  if (refused) {
    fill(sent.text);
    if (!response) {
      tell("The message could not be sent: the server can't be reached. It is kept here; try again.");
    }
  } else {
    stopEditing();
    clearAttachments();
  }
  sent = null;
});

document.addEventListener("click", (event) => {
  const button = event.target.closest("button.edit");
  if (button) {
    replaces.value = button.dataset.message;
    const files = Number(button.dataset.files);
    editing.querySelector(".kept-files").textContent = files ? ` Its ${files > 1 ? `${files} files stay` : "file stays"}.` : "";
    editing.hidden = false;
    fill(button.dataset.text);
  }
  if (event.target.closest("#cancel-edit")) {
    stopEditing();
    fill("");
  }
});

if (!box.value) box.value = stored((storage) => storage.getItem(draft)) ?? "";
grow();
