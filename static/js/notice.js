// A sentence above the conversation, until it is closed or something else is to be said.
const place = document.getElementById("notice");

export function tell(text) {
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

export const isTold = (text) => place.querySelector("p")?.textContent === text;
export const isQuiet = () => !place.childNodes.length;
export const hush = () => place.replaceChildren();

document.addEventListener("click", (event) => {
  if (event.target.closest("#notice [data-close]")) hush();
});
