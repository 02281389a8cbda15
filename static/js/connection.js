// The page's stream. htmx reconnects by itself after a delay; this reconnects at once when the page becomes visible
// again or the network returns, and reports a lost connection.
import { hideNotice, isNoticeEmpty, isNoticeShown, showNotice } from "./notice.js";

const main = document.getElementById("main");
const LOST = "Connection to the server lost. Reconnecting…";
let failures = 0;

const reconnect = () => {
  const connection = main._htmx?.sse;
  if (connection?.delayCanceller) connection.delayCanceller(); // end the delay before the next try
  else if (!connection) location.reload(); // htmx has given up
};

addEventListener("online", reconnect);
addEventListener("pageshow", (event) => { if (event.persisted) reconnect(); });
document.addEventListener("visibilitychange", () => { if (!document.hidden) setTimeout(reconnect, 50); });

main.addEventListener("htmx:sse:error", (event) => {
  if (event.detail.status === 404) location.assign(`/?deleted=${location.pathname.split("/")[2]}`);
  if (event.detail.status === 401) location.reload(); // the login has expired
  failures += 1;
  if (failures > 2 && isNoticeEmpty()) showNotice(LOST);
});
main.addEventListener("htmx:sse:after:connection", () => {
  failures = 0;
  if (isNoticeShown(LOST)) hideNotice();
});
