// The page's stream. htmx reconnects by itself after a delay; this reconnects at once when the page becomes visible
// again or the network returns, when the stream falls silent, and reports a lost connection.
import { byId } from "./view.js";
import { hideNotice, isNoticeEmpty, isNoticeShown, showNotice } from "./notice.js";

const LOST = "Connection to the server lost. Reconnecting…";
const SILENCE = 22_000; // milliseconds: two heartbeats have not come
const CONNECT = 3_000; // milliseconds that a request on a connection that lives takes at most
const CONNECTIONS = 6; // that browsers open to one server
let failures = 0;
let heard = Date.now();

const reconnect = () => {
  const connection = byId("main")._htmx?.sse;
  if (connection?.delayCanceller) connection.delayCanceller(); // end the delay before the next try
  else if (!connection) location.reload(); // htmx has given up
};

addEventListener("online", reconnect);
addEventListener("pageshow", (event) => { if (event.persisted) reconnect(); });
document.addEventListener("visibilitychange", () => { if (!document.hidden) setTimeout(reconnect, 50); });

// The browser's idle connections may be as dead as the stream's. As many requests as it has connections find out, and
// close those that do not answer: else the stream would try them one by one.
const probe = () => Promise.allSettled(Array.from({ length: CONNECTIONS }, () => (
  fetch("/global/health", { cache: "no-store", signal: AbortSignal.timeout(CONNECT) })
)));

setInterval(async () => {
  const reader = byId("main")._htmx?.sse?.reader;
  if (!reader || Date.now() - heard < SILENCE) return;
  heard = Date.now();
  await probe();
  reader.cancel().catch(() => {});
}, 1000);

document.addEventListener("htmx:sse:before:message", () => { heard = Date.now(); });
document.addEventListener("htmx:sse:before:connection", ({ detail: { connection } }) => {
  connection.config.connectTimeout = Math.min(2 * CONNECT * 2 ** failures, 60_000);
});
document.addEventListener("htmx:sse:error", (event) => {
  if (event.target !== byId("main")) return;
  if (event.detail.status === 404) location.assign(`/?deleted=${location.pathname.split("/")[2]}`);
  if (event.detail.status === 401) location.reload(); // the login has expired
  failures += 1;
  if (failures > 2 && isNoticeEmpty()) showNotice(LOST);
});
document.addEventListener("htmx:sse:after:connection", () => {
  failures = 0;
  heard = Date.now();
  if (isNoticeShown(LOST)) hideNotice();
});
