// What one sends stands in the conversation at once, until the server's own message takes its place.
import { byId } from "./view.js";

const ID = "sending"; // sorts behind all ids of messages

export function echo(text, files, replaces) {
  let list = byId("messages");
  const hello = document.querySelector(".hello");
  if (!list) {
    list = document.createElement("ol");
    list.id = "messages";
    hello.after(list);
    hello.hidden = true;
  }
  const item = document.createElement("li");
  item.id = ID;
  item.className = "message user sending";
  const bubble = document.createElement("div");
  bubble.className = "bubble";
  bubble.dir = "auto";
  bubble.textContent = [text.trim(), ...files].filter(Boolean).join("\n");
  item.append(bubble);
  const replaced = replaces && byId(replaces);
  if (replaced) {
    for (let other = replaced; other; other = other.nextElementSibling) other.classList.add("leaving");
  }
  list.append(item);
}

// The message was refused: the conversation is as it was.
export function dropEcho() {
  byId(ID)?.remove();
  for (const item of document.querySelectorAll(".leaving")) item.classList.remove("leaving");
  const hello = document.querySelector(".hello");
  if (hello?.hidden) {
    byId("messages").remove();
    hello.hidden = false;
  }
}

// The message is stored: its element is the one that the stream brings, or brought already.
export function settleEcho(id) {
  const item = byId(ID);
  if (!item) return;
  if (!id || byId(id)) return item.remove();
  item.id = id;
}
