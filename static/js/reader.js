// Copy buttons, and images of other sites, which load on click.
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
  const before = button.innerHTML;
  button.textContent = "Copied";
  setTimeout(() => { button.innerHTML = before; }, 1200);
}

document.addEventListener("click", (event) => {
  const code = event.target.closest("button.copy");
  if (code) copy(code.closest(".code").querySelector("code").textContent, code);
  const text = event.target.closest("button.copy-text");
  if (text) copy(text.dataset.text, text);
  const image = event.target.closest("a.image");
  if (image && /^https?:/.test(image.dataset.src)) {
    event.preventDefault();
    const shown = new Image();
    shown.src = image.dataset.src;
    shown.alt = image.textContent;
    shown.referrerPolicy = "no-referrer";
    shown.onerror = () => { shown.replaceWith(image); image.dataset.host += " again (loading failed)"; };
    image.replaceWith(shown);
  }
});
