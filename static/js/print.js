// Prints a whole conversation: what is not loaded yet is loaded first. Loaded when it is asked for.
const MOST = 300; // pages of messages
const SECONDS = 20; // for one of them

function load(link) {
  const item = link.closest("li");
  return new Promise((resolve) => {
    const done = (isLoaded) => { clearTimeout(timer); watcher.disconnect(); resolve(isLoaded); };
    const timer = setTimeout(done, SECONDS * 1000, false);
    const watcher = new MutationObserver(() => { if (!item.isConnected) done(true); });
    watcher.observe(item.parentElement, { childList: true });
    if ("loading" in link.dataset) return;
    link.dataset.loading = "";
    link.click();
  });
}

export async function printAll(drawAll) {
  for (const place of [".older", ".newer"]) {
    for (let left = MOST, link; left && (link = document.querySelector(`#messages > ${place} a`)); left -= 1) {
      if (!await load(link)) break;
    }
  }
  const images = [...document.querySelectorAll("#messages img")];
  for (const image of images) image.loading = "eager";
  await Promise.allSettled([drawAll?.(), ...images.map((image) => image.decode())]);
  print();
}
