// The open chat. A click on a chat replaces <main> without a full load: scripts set themselves up for each one.
const setups = [];
const CHAT = /^\/(?:chat\/ses_\w+)?$/;
let loading = null;

export const byId = (id) => document.getElementById(id);

// Runs `setup` now and for every <main> that replaces this one.
export function eachChat(setup) {
  setups.push(setup);
  setup(byId("main"));
}

// While an input method composes, keys are its own. Safari's Enter comes after the composition, with code 229.
export const isComposing = (event) => event.isComposing || event.keyCode === 229;

export function stored(action, kind = "sessionStorage") {
  try { return action(window[kind]); } catch { return null; } // storage is off in some frames
}

// Opens a chat or the start page; anything unexpected is left to the browser.
export async function open(address, how = "push") {
  loading?.abort();
  const { signal } = loading = new AbortController();
  document.body.classList.add("loading");
  let fresh;
  try {
    const response = await fetch(address, { signal, headers: { Accept: "text/html" } });
    const page = new DOMParser().parseFromString(response.ok ? await response.text() : "", "text/html");
    fresh = page.body.classList.contains("chat") && page.getElementById("main");
    if (fresh) document.title = page.title;
  } catch {
    if (signal.aborted) return;
  }
  document.body.classList.remove("loading");
  if (!fresh) return location.assign(address);
  if (how === "push") history.pushState({}, "", address);
  if (how === "replace") history.replaceState({}, "", address);
  const old = byId("main");
  const stream = old._htmx?.sse;
  document.body.classList.toggle("start", !!fresh.querySelector(".hello"));
  byId("drawer").checked = false;
  old.replaceWith(document.adoptNode(fresh));
  stream?.delayCanceller?.();
  stream?.reader?.cancel().catch(() => {});
  stream?.abortController?.abort();
  for (const setup of setups) setup(fresh);
  htmx.process(fresh);
  document.dispatchEvent(new CustomEvent("chat:opened"));
}

document.addEventListener("click", (event) => {
  const link = event.target.closest("a[href]");
  if (!link || event.defaultPrevented || event.button || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
  if (link.target || link.origin !== location.origin || !CHAT.test(link.pathname) || link.matches("[hx-get], [href^='#']")) return;
  event.preventDefault();
  open(link.href);
});

addEventListener("popstate", () => {
  if (CHAT.test(location.pathname)) open(location.href, "");
});
