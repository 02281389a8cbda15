// The page's stream. htmx reconnects by itself after a delay, but not a stream whose first request failed; this opens
// it again, reconnects at once when the page becomes visible again or the network returns, or when the stream falls
// silent, and reports a lost connection.
import { byId } from "./view.js";
import { hideNotice, isNoticeEmpty, isNoticeShown, showNotice } from "./notice.js";

const LOST = "Connection to the server lost. Reconnecting…";
const SILENCE = 22_000; // milliseconds: two heartbeats have not come
const CONNECT = 3_000; // milliseconds that a request on a connection that lives takes at most
const CONNECTIONS = 6; // that browsers open to one server
const [FIRST_DELAY, LONGEST_DELAY] = [300, 5_000];
let failures = 0;
let heard = Date.now();
let retry = null; // the timer of the next try to open a stream that htmx has given up

const timeout = () => Math.min(2 * CONNECT * 2 ** failures, 60_000);

function connect() {
  clearTimeout(retry);
  retry = null;
  const main = byId("main");
  if (!main._htmx?.sse) htmx.ajax("GET", main.getAttribute("hx-sse:connect"), { source: main, timeout: timeout() });
}

function connectLater() {
  clearTimeout(retry);
  retry = setTimeout(connect, Math.min(FIRST_DELAY * 2 ** failures, LONGEST_DELAY));
}

function failed(status) {
  if (status === 404) location.assign(`/?deleted=${location.pathname.split("/")[2]}`);
  if (status === 401) location.reload(); // the login has expired
  failures += 1;
  if (failures > 2 && isNoticeEmpty()) showNotice(LOST);
}

const reconnect = () => {
  byId("main")._htmx?.sse?.delayCanceller?.(); // end the delay before the next try
  if (retry) connect();
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
  connection.config.connectTimeout = timeout();
});
document.addEventListener("htmx:sse:error", (event) => {
  if (event.target === byId("main")) failed(event.detail.status);
});
document.addEventListener("htmx:finally:request", ({ detail: { ctx } }) => {
  const main = byId("main");
  if (ctx.sourceElement !== main || main._htmx?.sse) return;
  failed(ctx.response?.status);
  connectLater();
});
document.addEventListener("htmx:sse:close", ({ target, detail: { reason } }) => {
  if (target === byId("main") && reason === "ended") connectLater();
});
document.addEventListener("htmx:sse:after:connection", () => {
  failures = 0;
  heard = Date.now();
  if (isNoticeShown(LOST)) hideNotice();
});
