// The page's stream: htmx reconnects by itself; here it is woken at once when the page, the network or the phone comes
// back, and when nothing, not even a heartbeat, has come for a while.
import { hush, isQuiet, isTold, tell } from "./notice.js";

const main = document.getElementById("main");
const LOST = "The connection to the server was lost. Trying again…";
let failures = 0;

const wake = () => {
  const connection = main._htmx?.sse;
  if (connection?.delayCanceller) connection.delayCanceller(); // it waits to try again: do it now
  else if (!connection) location.reload(); // htmx has given up
};

addEventListener("online", wake);
addEventListener("pageshow", (event) => { if (event.persisted) wake(); });
document.addEventListener("visibilitychange", () => { if (!document.hidden) setTimeout(wake, 50); });

main.addEventListener("htmx:sse:error", (event) => {
  if (event.detail.status === 404) location.assign("/"); // the chat is gone
  if (event.detail.status === 401) location.reload(); // the login is over
  failures += 1;
  if (failures > 2 && isQuiet()) tell(LOST);
});
main.addEventListener("htmx:sse:after:connection", () => {
  failures = 0;
  if (isTold(LOST)) hush();
});
