// The notice above the conversation: one sentence, until it is closed or replaced.
import { byId } from "./view.js";

export function showNotice(text) {
  const sentence = document.createElement("p");
  sentence.textContent = text;
  const close = document.createElement("button");
  close.type = "button";
  close.className = "quiet close";
  close.dataset.close = "";
  close.textContent = "✕";
  close.setAttribute("aria-label", "Close");
  byId("notice").replaceChildren(sentence, close);
}

export const isNoticeShown = (text) => byId("notice").querySelector("p")?.textContent === text;
export const isNoticeEmpty = () => !byId("notice").childNodes.length;
export const hideNotice = () => byId("notice").replaceChildren();

// A page that Back shows again from the browser's memory must not offer to undo what was undone.
addEventListener("pagehide", hideNotice);

document.addEventListener("click", (event) => {
  if (event.target.closest("#notice [data-close]")) hideNotice();
});
