// The notice above the conversation: one sentence, until it is closed or replaced.
const place = document.getElementById("notice");

export function showNotice(text) {
  const sentence = document.createElement("p");
  sentence.textContent = text;
  const close = document.createElement("button");
  close.type = "button";
  close.className = "quiet close";
  close.dataset.close = "";
  close.textContent = "✕";
  close.setAttribute("aria-label", "Close");
  place.replaceChildren(sentence, close);
}

export const isNoticeShown = (text) => place.querySelector("p")?.textContent === text;
export const isNoticeEmpty = () => !place.childNodes.length;
export const hideNotice = () => place.replaceChildren();

// A page that Back shows again from the browser's memory must not offer to undo what was undone.
addEventListener("pagehide", hideNotice);

document.addEventListener("click", (event) => {
  if (event.target.closest("#notice [data-close]")) hideNotice();
});
