// Calls back now, and when what is on the page has changed, at most five times a second.
const acts = [];
let timer = 0;

function run() {
  timer = 0;
  for (const act of acts) act();
}

new MutationObserver(() => { timer ||= setTimeout(run, 200); })
  .observe(document.body, { childList: true, subtree: true, attributes: true, attributeFilter: ["data-done"] });

export function onChange(act) {
  acts.push(act);
  act();
}
