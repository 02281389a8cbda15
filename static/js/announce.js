// Announces an answer to screen readers once it is finished, not word by word.
import { byId, eachChat } from "./view.js";

let announced;

function announce() {
  const last = byId("messages")?.querySelector(".assistant:last-child");
  if (last?.dataset.done !== "yes" || last.dataset.finish === "tool-calls" || announced.has(last.id)) return;
  announced.add(last.id);
  const text = [...last.querySelectorAll(".text")].map((part) => part.textContent).join(" ");
  byId("announcer").textContent = text.replace(/\s+/g, " ").trim().slice(0, 2000);
}

eachChat(() => {
  const messages = byId("messages");
  announced = new Set([...document.querySelectorAll(".assistant[data-done='yes']")].map((item) => item.id));
  if (!messages) return;
  new MutationObserver(announce).observe(messages, { subtree: true, attributes: true, attributeFilter: ["data-done"] });
  new MutationObserver(announce).observe(messages, { childList: true });
});
