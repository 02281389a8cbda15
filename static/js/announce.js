// Tells screen readers an answer once it is finished, not word by word.
const messages = document.getElementById("messages");
const announcer = document.getElementById("announcer");

if (messages) {
  const told = new Set([...messages.querySelectorAll(".assistant[data-done='yes']")].map((item) => item.id));
  const look = () => {
    const last = messages.querySelector(".assistant:last-child");
    if (last?.dataset.done !== "yes" || last.dataset.finish === "tool-calls" || told.has(last.id)) return;
    told.add(last.id);
    const text = [...last.querySelectorAll(".text")].map((part) => part.textContent).join(" ");
    announcer.textContent = text.replace(/\s+/g, " ").trim().slice(0, 2000);
  };
  new MutationObserver(look).observe(messages, { subtree: true, attributes: true, attributeFilter: ["data-done"] });
  new MutationObserver(look).observe(messages, { childList: true });
}
