// What agents do, for somebody who looks elsewhere: in the tab's title and icon, and as notifications.
import { byId, eachChat, stored } from "./view.js";

const LONG = 10_000; // milliseconds that a turn takes at least to be told of when it ends
const REPLY = 200; // milliseconds in which a tab that is looked at says so
const sessions = byId("sessions");
const icon = document.querySelector("link[rel=icon]");
const plain = icon.getAttribute("href");
const tabs = new BroadcastChannel("tabs");
let known = null; // what the chats of the list do, and since when, by id
let seen = false; // whether another tab is looked at
let began = 0; // of the open chat's turn
let timer;

function own() {
  if (byId("requests").childElementCount) return "waiting";
  return (byId("activity")?.dataset.state ?? "idle") === "idle" ? "" : "busy";
}

// The open chat's state; where it has none, how many others wait.
function show() {
  const state = own();
  const others = document.querySelectorAll("#sessions [data-state=waiting]").length;
  const title = byId("title")?.textContent;
  const mark = { waiting: "❓ ", busy: "● " }[state] ?? (others ? `(${others}) ` : "");
  document.title = `${mark}${title ? `${title} · ` : ""}OpenCode API`;
  const address = icon.dataset[state || (others ? "waiting" : "")] ?? plain;
  if (icon.getAttribute("href") !== address) icon.setAttribute("href", address);
  if (state && !began) {
    began = Date.now();
    timer = setTimeout(() => { byId("notify").hidden = !canAsk(); }, LONG);
  } else if (!state) {
    began = 0;
    clearTimeout(timer);
    byId("notify").hidden = true;
  }
}

const canAsk = () => window.Notification?.permission === "default" && !stored((storage) => storage.getItem("notify-asked"), "localStorage");

document.addEventListener("click", (event) => {
  if (event.target.id !== "notify") return;
  stored((storage) => storage.setItem("notify-asked", "1"), "localStorage");
  event.target.hidden = true;
  Notification.requestPermission();
});

// A tab that is looked at answers those that are not, which then say nothing.
tabs.onmessage = ({ data }) => {
  if (data === "seen") seen = true;
  else if (!document.hidden) tabs.postMessage("seen");
};

async function notify(id, name, text) {
  if (!document.hidden || window.Notification?.permission !== "granted") return;
  seen = false;
  tabs.postMessage("");
  await new Promise((resolve) => { setTimeout(resolve, REPLY); });
  if (seen) return;
  try {
    const shown = new Notification(name, { body: text, tag: id, icon: plain });
    shown.onclick = () => {
      focus();
      document.querySelector(`#sessions a[href="/chat/${id}"]`)?.click();
      shown.close();
    };
  } catch { /* phones let only service workers notify */ }
}

function compare() {
  const now = new Map();
  for (const item of sessions.querySelectorAll("li")) {
    const id = item.id.slice("side-".length);
    const { state = "" } = item.dataset;
    const before = known?.get(id) ?? { state: "", since: 0 };
    now.set(id, { state, since: state ? before.since || Date.now() : 0 });
    if (!known || state === before.state) continue;
    const name = item.querySelector("a").title;
    if (state === "waiting") notify(id, name, "Waits for your reply.");
    else if (!state && Date.now() - before.since >= LONG) notify(id, name, "The answer is finished.");
  }
  known = now;
  show();
}

compare();
new MutationObserver(compare).observe(sessions, { childList: true, subtree: true, attributes: true, attributeFilter: ["data-state"] });

eachChat((main) => {
  clearTimeout(timer);
  began = 0;
  new MutationObserver(show).observe(main.querySelector("header"), { childList: true, subtree: true, characterData: true });
  new MutationObserver(show).observe(byId("requests"), { childList: true });
  new MutationObserver(show).observe(byId("scroll"), { childList: true, attributes: true, subtree: true, attributeFilter: ["data-state"] });
  show();
});
