// Files for a message: from the file picker, by drag and drop or by paste; listed until they are sent.
import { showNotice } from "./notice.js";

const input = document.getElementById("files");
const list = document.getElementById("attachments");
const form = document.getElementById("composer");
const LIMIT_MB = Number(input.dataset.megabytes);
const ALL_MB = Math.floor(form.dataset.maxMb * 0.9); // leaves room for the rest of the form
const MOST = Number(input.dataset.most);
let chosen = [];

export const hasAttachments = () => chosen.length > 0;

export function clearAttachments() {
  chosen = [];
  show();
}

function show() {
  const files = new DataTransfer();
  for (const file of chosen) files.items.add(file);
  input.files = files.files;
  list.replaceChildren(...chosen.map(preview));
}

function preview(file) {
  const figure = document.createElement("figure");
  if (file.type.startsWith("image/")) {
    const image = new Image();
    image.src = URL.createObjectURL(file);
    image.alt = "";
    image.onload = () => URL.revokeObjectURL(image.src);
    figure.append(image);
  }
  const caption = document.createElement("figcaption");
  const name = document.createElement("span");
  name.textContent = file.name;
  const weight = document.createElement("small");
  weight.textContent = size(file);
  caption.append(name, weight);
  const remove = document.createElement("button");
  remove.type = "button";
  remove.className = "quiet";
  remove.textContent = "✕";
  remove.setAttribute("aria-label", `Remove ${file.name}`);
  remove.onclick = () => { chosen = chosen.filter((other) => other !== file); show(); };
  figure.append(caption, remove);
  return figure;
}

function add(files) {
  let problem = "";
  for (const file of files) {
    const all = chosen.reduce((sum, other) => sum + other.size, file.size);
    if (file.size > LIMIT_MB * 1e6) problem = `${file.name} is ${size(file)}; the limit is ${LIMIT_MB} MB per file.`;
    else if (chosen.length === MOST) problem = `A message can have up to ${MOST} files. Send the others with the next message.`;
    else if (all > ALL_MB * 1e6) problem = `The files of a message can have up to ${ALL_MB} MB together. Send ${file.name} with the next message.`;
    else chosen = [...chosen, file];
  }
  if (problem) showNotice(problem);
  show();
}

function size(file) {
  return file.size < 1e6 ? `${Math.max(1, Math.round(file.size / 1000))} KB` : `${(file.size / 1e6).toFixed(1)} MB`;
}

input.addEventListener("change", () => add([...input.files]));

document.addEventListener("paste", (event) => {
  if (event.clipboardData?.files.length) {
    event.preventDefault();
    add(event.clipboardData.files);
  }
});

for (const kind of ["dragover", "dragleave", "drop"]) {
  document.addEventListener(kind, (event) => {
    if (!event.dataTransfer?.types.includes("Files")) return;
    event.preventDefault();
    form.classList.toggle("over", kind === "dragover");
    if (kind === "drop") add(event.dataTransfer.files);
  });
}
