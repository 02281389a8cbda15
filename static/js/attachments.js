// Files for a message: from the file picker, by drag and drop or by paste. They are listed, and kept through a reload,
// until they are sent.
import { byId, eachChat } from "./view.js";
import { showNotice } from "./notice.js";

let input, form, chosen = [];

export const attached = () => chosen.map((file) => file.name);

export function clearAttachments() {
  chosen = [];
  show();
}

// The files that are attached are in the browser's database, by the path of their chat.
function kept(mode, action) {
  return new Promise((resolve) => {
    try {
      const opening = indexedDB.open("attachments", 1);
      opening.onupgradeneeded = () => opening.result.createObjectStore("files");
      opening.onerror = () => resolve(undefined);
      opening.onsuccess = () => {
        const request = action(opening.result.transaction("files", mode).objectStore("files"));
        request.onsuccess = () => resolve(request.result);
        request.onerror = () => resolve(undefined);
      };
    } catch { resolve(undefined); } // storage is off in some frames
  });
}

function show(keep = true) {
  const files = new DataTransfer();
  for (const file of chosen) files.items.add(file);
  input.files = files.files;
  byId("attachments").replaceChildren(...chosen.map(preview));
  const path = location.pathname;
  if (keep) kept("readwrite", (files) => (chosen.length ? files.put(chosen, path) : files.delete(path)));
  document.dispatchEvent(new CustomEvent("chat:files"));
}

// Says before sending which files the picked model can't read. An edited message keeps its own.
const KINDS = { image: "images", pdf: "PDFs" };

function warn() {
  const { name, kinds = "" } = byId("reads")?.dataset ?? {};
  const needed = new Set(chosen.map(({ type }) => (type.startsWith("image/") ? "image" : type === "application/pdf" && "pdf")));
  if (byId(byId("replaces").value)?.querySelector(".file img")) needed.add("image");
  const missing = name ? Object.keys(KINDS).filter((kind) => needed.has(kind) && !kinds.split(" ").includes(kind)) : [];
  const line = byId("unread");
  line.hidden = !missing.length;
  line.textContent = missing.length ? `${name} can't read ${missing.map((kind) => KINDS[kind]).join(" or ")}: it will be told their names only. Pick a model that can.` : "";
}

for (const name of ["chat:files", "chat:model", "chat:editing"]) document.addEventListener(name, warn);

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
  const limit = Number(input.dataset.megabytes);
  const most = Number(input.dataset.most);
  const together = Math.floor(form.dataset.maxMb * 0.9); // leaves room for the rest of the form
  let problem = "";
  for (const file of files) {
    const all = chosen.reduce((sum, other) => sum + other.size, file.size);
    if (file.size > limit * 1e6) problem = `${file.name} is ${size(file)}; the limit is ${limit} MB per file.`;
    else if (chosen.length === most) problem = `A message can have up to ${most} files. Send the others with the next message.`;
    else if (all > together * 1e6) problem = `The files of a message can have up to ${together} MB together. Send ${file.name} with the next message.`;
    else chosen = [...chosen, file];
  }
  if (problem) showNotice(problem);
  show();
}

// The same words as the server's `size_in_words`.
function size(file) {
  return file.size < 1e6 ? `${Math.max(1, Math.floor(file.size / 1000))} KB` : `${(file.size / 1e6).toFixed(1)} MB`;
}

eachChat(async () => {
  input = byId("files");
  form = byId("composer");
  chosen = [];
  input.addEventListener("change", () => add([...input.files]));
  warn();
  const own = input;
  const files = await kept("readonly", (files) => files.get(location.pathname));
  if (!files?.length || own !== input || chosen.length) return;
  chosen = files;
  show(false);
});

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
