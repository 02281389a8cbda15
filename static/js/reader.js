// What one does with what one reads: copy, wrap and download code, show blocks and pictures, follow footnotes, print.
import { onChange } from "./changes.js";

const icons = new Map(); // what the buttons show that say "Copied"
const timers = new WeakMap();
const ENDINGS = { bash: "sh", javascript: "js", markdown: "md", mermaid: "mmd", python: "py", ruby: "rb", rust: "rs", shell: "sh", text: "txt", typescript: "ts" };

const drawings = () => import("./drawings.js");

async function copy(text, button) {
  try {
    await navigator.clipboard.writeText(text);
  } catch { // no clipboard permission in some frames
    const area = document.createElement("textarea");
    area.value = text;
    document.body.append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
  }
  const before = icons.get(button) ?? button.innerHTML;
  icons.set(button, before);
  button.textContent = "Copied";
  clearTimeout(timers.get(button));
  timers.set(button, setTimeout(() => {
    button.innerHTML = before;
    icons.delete(button);
  }, 1200));
}

function save(figure) {
  const language = figure.querySelector("figcaption span").textContent.toLowerCase();
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([figure.querySelector("code").textContent], { type: "text/plain" }));
  link.download = `code.${ENDINGS[language] ?? (/^[a-z0-9]{1,5}$/.test(language) ? language : "txt")}`;
  link.click();
  setTimeout(URL.revokeObjectURL, 10_000, link.href);
}

function enlarge(image) {
  const dialog = document.createElement("dialog");
  dialog.className = "large";
  dialog.ariaLabel = image.alt || "Picture";
  const shown = image.cloneNode();
  shown.removeAttribute("loading");
  const close = document.createElement("button");
  close.type = "button";
  close.textContent = "Close";
  dialog.append(shown, close);
  dialog.addEventListener("click", () => dialog.close());
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
}

// Prints all messages; diagrams are drawn first.
async function printAll() {
  const draw = document.querySelector("figure.mermaid, .older") && (await drawings()).drawAll;
  (await import("./print.js")).printAll(draw);
}

function follow(note) {
  const text = note.closest(".text, .quiet-text");
  const target = text?.querySelector(`.footnote[data-note="${CSS.escape(note.dataset.note)}"]`);
  if (!target) return;
  target.tabIndex = -1;
  target.scrollIntoView({ block: "nearest" });
  target.focus();
}

document.addEventListener("click", (event) => {
  const on = (selector) => event.target.closest?.(selector);
  const figure = on(".code");
  const plain = !(event.button || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey);
  let found;
  if (on("button.copy")) copy(figure.querySelector("code").textContent, on("button.copy"));
  else if ((found = on("button.wrap"))) found.setAttribute("aria-pressed", String(figure.classList.toggle("wrapped")));
  else if (on("button.save")) save(figure);
  else if (on("button.preview")) drawings().then(({ toggle }) => toggle(figure));
  else if (on("button.print")) printAll();
  else if ((found = on("button.copy-text"))) copy(decodeURIComponent(found.dataset.text), found);
  else if ((found = plain && on("a.note"))) {
    event.preventDefault();
    follow(found);
  } else if ((found = plain && (on(".file a:has(img)") ?? on("button.drawing") ?? on(".block img")))) {
    event.preventDefault();
    enlarge(found.querySelector("img") ?? found);
  } else if ((found = on("a.image")) && /^https?:/.test(found.dataset.src)) {
    event.preventDefault();
    const shown = new Image();
    shown.src = found.dataset.src;
    shown.alt = found.textContent;
    shown.referrerPolicy = "no-referrer";
    shown.onerror = () => { shown.replaceWith(found); found.dataset.host += " again (loading failed)"; };
    found.replaceWith(shown);
  }
});

// Only what is loaded can be printed: the browser's own command can't wait for the rest.
document.addEventListener("keydown", (event) => {
  if (event.key.toLowerCase() !== "p" || !(event.ctrlKey || event.metaKey) || event.shiftKey || event.altKey) return;
  if (!document.querySelector("#messages > :is(.older, .newer), figure.mermaid:not([data-drawn])")) return;
  event.preventDefault();
  printAll();
});

onChange(() => {
  if (document.querySelector("figure.mermaid:not([data-drawn])")) drawings().then(({ drawAll }) => drawAll());
});
