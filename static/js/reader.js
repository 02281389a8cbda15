// Copy buttons, and images of other sites, which load on click.
const icons = new Map(); // what the buttons show that say "Copied"
const timers = new WeakMap();

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

document.addEventListener("click", (event) => {
  const code = event.target.closest("button.copy");
  if (code) copy(code.closest(".code").querySelector("code").textContent, code);
  const text = event.target.closest("button.copy-text");
  if (text) copy(decodeURIComponent(text.dataset.text), text);
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
