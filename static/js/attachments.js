// Files for a message: by picker, drop and paste, shown before they are sent.
const input = document.getElementById("files");
const list = document.getElementById("attachments");
const form = document.getElementById("composer");
const notice = document.getElementById("notice");
const LIMIT_MB = Number(input.dataset.megabytes);
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
  caption.textContent = `${file.name} · ${Math.max(1, Math.round(file.size / 1000))} KB`;
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
  const fitting = [...files].filter((file) => file.size <= LIMIT_MB * 1024 * 1024);
  const problems = [];
  if (fitting.length < files.length) problems.push(`Files may have up to ${LIMIT_MB} MB each.`);
  if (chosen.length + fitting.length > MOST) problems.push(`One message takes up to ${MOST} files.`);
  chosen = [...chosen, ...fitting].slice(0, MOST);
  if (problems.length) notice.textContent = problems.join(" ");
  show();
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
