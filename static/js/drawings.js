// Shows blocks of HTML, SVG and Mermaid, in frames without our origin and without network. Loaded when there is one.
const SECONDS = 15; // for one diagram
const LONGEST = 20_000; // characters of a diagram
const LARGEST = 4_000_000; // characters of its picture
const SVG = "<style>body{margin:0;min-height:100vh;display:grid;place-items:center}svg{max-width:100%;max-height:100vh}</style>";
const drawn = new Map(); // pictures by theme and text
const drawing = new Set(); // what is being drawn
let drawer = null;
let last = Promise.resolve();

const isDark = () => getComputedStyle(document.documentElement).colorScheme === "dark";
const textOf = (figure) => figure.querySelector("code").textContent;

function frame(path, classes = "") {
  const made = document.createElement("iframe");
  made.sandbox = "allow-scripts";
  made.className = classes;
  made.src = path;
  return made;
}

function press(figure, pressed) {
  figure.querySelector(".preview").setAttribute("aria-pressed", String(pressed));
}

// The button of a block: shows it, or its code again.
export function toggle(figure) {
  const shown = figure.querySelector(":scope > .shown");
  if (shown) {
    shown.remove();
    figure.querySelector(":scope > .problem")?.remove();
    return press(figure, false);
  }
  if (figure.matches(".mermaid")) return draw(figure);
  const made = frame("/sandbox/preview", "shown");
  made.title = "Preview";
  made.addEventListener("load", () => {
    made.contentWindow.postMessage((figure.matches(".svg") ? SVG : "") + textOf(figure), "*");
  }, { once: true });
  figure.append(made);
  press(figure, true);
  if (/<script|\son\w+=/i.test(textOf(figure))) explain(figure, "Scripts do not run in this preview. Download the file to run it.");
}

// Draws a diagram; its code stays if that fails.
export function draw(figure) {
  figure.dataset.drawn = "";
  const done = show(figure).finally(() => drawing.delete(done));
  drawing.add(done);
}

async function show(figure) {
  const text = textOf(figure);
  const key = `${isDark()} ${text}`;
  if (!drawn.has(key)) {
    drawn.set(key, last = last.then(() => picture(text)));
    if (drawn.size > 100) drawn.delete(drawn.keys().next().value);
  }
  const { svg, error } = await drawn.get(key);
  for (const old of figure.querySelectorAll(":scope > .problem, :scope > .shown")) old.remove();
  if (typeof svg !== "string" || svg.length > LARGEST) return explain(figure, `This diagram can't be drawn. ${typeof error === "string" ? error : ""}`);
  const button = document.createElement("button");
  button.type = "button";
  button.className = "drawing shown";
  button.title = "Enlarge";
  const image = new Image();
  image.alt = "Diagram of the code of this block";
  image.onerror = () => { button.remove(); explain(figure, "This diagram can't be shown."); };
  image.src = `data:image/svg+xml,${encodeURIComponent(svg)}`;
  button.append(image);
  figure.append(button);
  press(figure, true);
  await image.decode().catch(() => {});
}

function explain(figure, text) {
  figure.querySelector(":scope > .problem")?.remove();
  const note = document.createElement("p");
  note.className = "problem";
  note.textContent = text;
  figure.querySelector("figcaption").after(note);
}

async function picture(text) {
  if (text.length > LONGEST) return { error: "It is too long." };
  try {
    drawer ??= await started();
  } catch (error) {
    return { error: error.message };
  }
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    const timer = setTimeout(() => {
      drawer?.remove();
      drawer = null;
      resolve({ error: "It takes too long." });
    }, SECONDS * 1000);
    port1.onmessage = ({ data }) => {
      clearTimeout(timer);
      port1.close();
      resolve(data ?? {});
    };
    drawer.contentWindow.postMessage({ text, dark: isDark() }, "*", [port2]);
  });
}

function started() {
  return new Promise((resolve, reject) => {
    const made = frame("/sandbox/mermaid", "drawer");
    made.title = "Diagrams";
    made.tabIndex = -1;
    made.ariaHidden = "true";
    const timer = setTimeout(() => { made.remove(); reject(new Error("The program that draws it can't be loaded.")); }, 2 * SECONDS * 1000);
    made.addEventListener("load", () => { clearTimeout(timer); resolve(made); }, { once: true });
    document.body.append(made);
  });
}

// Draws what is on the page and complete; a text that is being written may end within a diagram.
export async function drawAll() {
  const waiting = document.querySelectorAll('figure.mermaid:not([data-drawn]):not(.message[data-done="no"] .block:last-child *)');
  for (const figure of waiting) draw(figure);
  await Promise.allSettled([...drawing]);
}

// Draws again in the colours of a theme that was chosen.
const redraw = () => { for (const drawing of document.querySelectorAll("figure.mermaid > .drawing")) draw(drawing.parentElement); };
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
new MutationObserver(redraw).observe(document.documentElement, { attributeFilter: ["data-theme"] });
