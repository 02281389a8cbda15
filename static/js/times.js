// Times in the reader's time zone, and countdowns.
import { onChange } from "./changes.js";

const FORMAT = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });

function show() {
  for (const time of document.querySelectorAll("time[data-local]:not([data-shown])")) {
    time.textContent = FORMAT.format(new Date(time.dateTime));
    time.dataset.shown = "";
  }
}

function count() {
  for (const time of document.querySelectorAll("time[data-until]")) {
    const left = Math.round((new Date(time.dateTime) - Date.now()) / 1000);
    time.textContent = left > 0 ? `in ${left} s` : "now";
  }
}

onChange(show);
count();
setInterval(count, 1000);
