// Announces an answer to screen readers once it is finished, not word by word.
const messages = document.getElementById("messages");
const announcer = document.getElementById("announcer");

if (messages) {
  const announced = new Set([...messages.querySelectorAll(".assistant[data-done='yes']")].map((item) => item.id));
  const announce = () => {
    const last = messages.querySelector(".assistant:last-child");
    if (last?.dataset.done !== "yes" || last.dataset.finish === "tool-calls" || announced.has(last.id)) return;
    announced.add(last.id);
    const text = [...last.querySelectorAll(".text")].map((part) => part.textContent).join(" ");
    announcer.textContent = text.replace(/\s+/g, " ").trim().slice(0, 2000);
  };
  new MutationObserver(announce).observe(messages, { subtree: true, attributes: true, attributeFilter: ["data-done"] });
  new MutationObserver(announce).observe(messages, { childList: true });
}
