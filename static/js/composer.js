// The message box: grows with its text, sends on Enter, saves a draft, edits earlier messages.
import { showNotice } from "./notice.js";
import { clearAttachments, hasAttachments } from "./attachments.js";

const form = document.getElementById("composer");
const box = document.getElementById("box");
const replaces = document.getElementById("replaces");
const editing = form.querySelector(".editing");
const draft = `draft:${location.pathname}`;
let sent = null; // the message being sent

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
  if (matchMedia("(pointer: coarse)").matches && !event.ctrlKey && !event.metaKey) return; // on touch screens Enter is a new line
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

// The box is cleared when the request starts, and filled again if the server refuses the message.
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
      showNotice("The message could not be sent: can't reach the server. Your text is still in the box; try again.");
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
    editing.querySelector(".kept-files").textContent = files ? ` Its ${files > 1 ? `${files} files are` : "file is"} kept.` : "";
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
