// The message box: grows with its text, sends on Enter, saves a draft, edits earlier messages.
import { byId, eachChat, isComposing, open, stored } from "./view.js";
import { showNotice } from "./notice.js";
import { attached, clearAttachments } from "./attachments.js";
import { dropEcho, echo, settleEcho } from "./echo.js";

let form, box, replaces, editing;
let sent = null; // the message being sent

const draft = () => `draft:${location.pathname}`;
const isEditing = () => replaces.value !== "";

function grow() {
  if (CSS.supports("field-sizing", "content")) return;
  box.style.height = "auto";
  box.style.height = `${box.scrollHeight}px`;
}

export function fill(text) {
  box.value = text;
  grow();
  box.focus();
}

// Puts text into the box as if it was typed.
export function write(text) {
  fill(text);
  box.dispatchEvent(new Event("input", { bubbles: true }));
}

// Leaves editing, and gives the box its draft back. Returns whether a message was being edited.
export function stopEditing() {
  if (!isEditing()) return false;
  replaces.value = "";
  editing.hidden = true;
  document.dispatchEvent(new CustomEvent("chat:editing"));
  fill(stored((storage) => storage.getItem(draft())) ?? "");
  return true;
}

// The text of the message whose button, or form, it is.
const textOf = (element) => decodeURIComponent(element.closest(".actions").querySelector(".copy-text").dataset.text);

function edit(button) {
  replaces.value = button.dataset.message;
  const message = button.closest(".message");
  const files = Number(button.dataset.files);
  editing.querySelector(".waits-text").hidden = !isQueued(message);
  editing.querySelector(".past-text").hidden = isQueued(message);
  editing.querySelector(".kept-files").textContent = files ? ` Its ${files > 1 ? `${files} files are` : "file is"} kept.` : "";
  editing.hidden = false;
  document.dispatchEvent(new CustomEvent("chat:editing"));
  fill(textOf(button));
}

const isQueued = (message) => message.matches(".message.assistant[data-done=no] ~ .message.user");

// A message that is taken back is the draft again, unless there is another.
document.addEventListener("htmx:before:request", (event) => {
  const form = event.detail.ctx.sourceElement;
  if (form?.matches?.(".take-back") && !box.value) write(textOf(form));
});

// Edits the last message of one's own; returns whether there is one.
export function editLast() {
  const button = [...document.querySelectorAll(".message.user button.edit")].at(-1);
  if (button) edit(button);
  return !!button;
}

eachChat(() => {
  form = byId("composer");
  box = byId("box");
  replaces = byId("replaces");
  editing = form.querySelector(".editing");
  sent = null;
  box.addEventListener("input", () => {
    grow();
    if (!isEditing()) stored((storage) => storage.setItem(draft(), box.value));
  });
  box.addEventListener("keydown", keydown);
  form.addEventListener("submit", (event) => {
    const stops = event.submitter?.id === "stop";
    if (!stops && (sent || (!box.value.trim() && !attached().length))) {
      event.preventDefault();
      event.stopImmediatePropagation();
      box.focus();
    }
  }, true);
  if (!box.value) box.value = stored((storage) => storage.getItem(draft())) ?? "";
  grow();
  if (!matchMedia("(pointer: coarse)").matches) box.focus({ preventScroll: true });
});

function keydown(event) {
  if (isComposing(event)) return;
  if (event.key === "ArrowUp" && !box.value && !isEditing() && editLast()) return event.preventDefault();
  if (event.key !== "Enter" || event.shiftKey) return;
  if (matchMedia("(pointer: coarse)").matches && !event.ctrlKey && !event.metaKey) return; // on touch screens Enter is a new line
  event.preventDefault();
  if (box.value.trim() || attached().length) form.requestSubmit(byId("send"));
}

// The message stands in the conversation when the request starts. If the server refuses it, it is in the box again.
document.addEventListener("htmx:before:request", (event) => {
  const source = event.detail.ctx.sourceElement;
  if (source?.matches(".suggestions form")) echo(source.elements.text.value, []);
  if (source !== form) return;
  sent = { form, text: box.value, replaces: replaces.value, draft: draft() };
  echo(sent.text, attached(), sent.replaces);
  box.value = "";
  grow();
  document.dispatchEvent(new CustomEvent("chat:sent"));
});

document.addEventListener("htmx:finally:request", (event) => {
  const { sourceElement, response, text } = event.detail.ctx;
  if (sourceElement?.matches(".suggestions form") && !response?.raw?.headers.has("Chat-Location")) dropEcho();
  if (!sent || sourceElement !== sent.form) return;
  const refused = !response?.raw?.ok || /hx-target="#notice"[^>]*><p>/.test(text ?? "");
  const own = sent;
  sent = null;
  if (!refused && !own.replaces && (own.form !== form || !box.value)) stored((storage) => storage.removeItem(own.draft));
  if (own.form !== form) return; // another chat was opened meanwhile; a refused text is its draft
  if (refused) {
    dropEcho();
    fill(own.text);
    if (!response) showNotice("The message could not be sent: can't reach the server. Your text is still in the box; try again.");
    return;
  }
  settleEcho(response.raw.headers.get("Message-Id"));
  if (own.replaces && !box.value) stopEditing();
  clearAttachments();
});

// The first message of a chat, whichever form sent it, opens the chat.
document.addEventListener("htmx:finally:request", (event) => {
  const place = event.detail.ctx.response?.raw?.headers.get("Chat-Location");
  if (place && byId("main").contains(event.detail.ctx.sourceElement)) open(place);
});

document.addEventListener("click", (event) => {
  const button = event.target.closest("button.edit");
  if (button) edit(button);
  if (event.target.closest("#cancel-edit")) stopEditing();
});
