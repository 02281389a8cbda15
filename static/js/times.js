// Times in the reader's time zone, and countdowns.
const FORMAT = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });

function show() {
  for (const time of document.querySelectorAll("time[data-local]:not(.meta:not([open]) *)")) {
    time.textContent = FORMAT.format(new Date(time.dateTime));
  }
  for (const time of document.querySelectorAll("time[data-until]")) {
    const left = Math.round((new Date(time.dateTime) - Date.now()) / 1000);
    time.textContent = left > 0 ? `in ${left} s` : "now";
  }
}

show();
setInterval(() => { if (document.querySelector("time[data-until]")) show(); }, 1000);
document.addEventListener("toggle", (event) => { if (event.target.matches(".meta")) show(); }, true);
document.addEventListener("chat:opened", show);
