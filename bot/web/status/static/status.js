/** The operators' page: asks every few seconds, while it is seen, and shows what it is told. */

import { fill, h, say } from "/v/static/element.js";

const EVERY_MS = 5_000;
const KEPT = "avatarbot-status-token";
const $ = (id) => document.getElementById(id);

let token = takenFromAddress() || sessionStorage.getItem(KEPT) || "";
let timer = 0;

$("form").addEventListener("submit", (event) => {
  event.preventDefault();
  token = $("token").value.trim();
  look();
});
document.addEventListener("visibilitychange", () => document.hidden || look());
addEventListener("hashchange", () => {
  token = takenFromAddress() || token;
  look();
});
look();

/** The token, which does not stay in the address. */
function takenFromAddress() {
  const given = decoded(location.hash.slice(1));
  if (given) history.replaceState(null, "", location.pathname);
  return given;
}

/** A browser encodes some characters of a token, and leaves a % that stands for itself. */
function decoded(text) {
  return text.replace(/(%[0-9a-f]{2})+/gi, (escaped) => {
    try {
      return decodeURIComponent(escaped);
    } catch {
      return escaped;
    }
  });
}

async function look() {
  clearTimeout(timer);
  if (!token) return gate("");
  try {
    const answer = await fetch("/status/now", { headers: { authorization: `Bearer ${token}` }, cache: "no-store" });
    if (answer.status === 404) return gate("The service does not take this token.");
    if (!answer.ok) throw new Error(String(answer.status));
    sessionStorage.setItem(KEPT, token);
    show(await answer.json());
  } catch {
    state("bad", "No answer");
  }
  if (!document.hidden) timer = setTimeout(look, EVERY_MS);
}

function gate(why) {
  sessionStorage.removeItem(KEPT);
  token = "";
  $("board").hidden = true;
  $("gate").hidden = false;
  fill($("figures"));
  say($("read"), "");
  if (why) say($("why"), why);
  state("", "Closed");
}

function state(kind, text) {
  $("state").dataset.status = kind;
  say($("state"), text);
}

function show({ service, process }) {
  $("gate").hidden = true;
  $("board").hidden = false;
  const reasons = Object.keys(process.reasons).length;
  state(reasons || !service ? "bad" : "well", reasons || !service ? "Not ready" : "Ready");
  say($("read"), `read at ${clock(new Date())}`);
  if (service) showService(service);
  showProcess(process);
}

function showService(service) {
  const sessions = service.sessions;
  const busy = (sessions.starting ?? 0) + (sessions.reconnecting ?? 0) + (sessions.stopping ?? 0);
  fill($("figures"),
    figure(sessions.live ?? 0, "live", "live"),
    figure(busy, "on their way", busy ? "wait" : ""),
    figure(sessions.sleeping ?? 0, "asleep", "doze"),
    figure(service.waiting, "messages waiting", service.waiting ? "wait" : ""),
    figure(minutes(service.paid.bought - service.paid.refunded), "paid today, on your account", ""));
  showPaid(service);
  fill($("processes"), service.processes.length ? service.processes.map((each) => process(each, service.at)) : nothing("None holds a lease."));
}

function figure(number, what, tone) {
  return h("li", { data: { tone } }, h("strong", {}, String(number)), h("span", {}, what));
}

function showPaid({ paid, own_keys: ownKeys, at_once: atOnce, person_minutes: personMinutes }) {
  const running = Math.max(0, paid.bought - paid.used - paid.leaked - paid.refunded);
  const parts = [["used", "Used", paid.used], ["running", "Running, paid in advance", running], ["leaked", "Lost: paid after an end", paid.leaked],
    ["unknown", "Perhaps paid: no answer", Math.max(0, paid.unknown)], ["refunded", "Given back", paid.refunded]];
  const there = parts.filter(([name, , seconds]) => seconds > 0 || name === "used");
  const bar = $("bar");
  fill(bar, there.filter(([, , seconds]) => seconds > 0).map(([name]) => h("i", { class: name })));
  [...bar.children].forEach((piece, at) => { piece.style.flexGrow = String(there.filter(([, , s]) => s > 0)[at][2]); });
  bar.setAttribute("aria-label", there.map(([, what, seconds]) => `${what}: ${minutes(seconds)}`).join(", "));
  fill($("paid"), there.map(([name, what, seconds]) => h("div", { class: name }, h("dt", {}, what), h("dd", {}, minutes(seconds)))));
  const own = ownKeys.bought ? ` On workspaces' own keys: ${minutes(ownKeys.bought - ownKeys.refunded)}.` : "";
  say($("budget"), `At most ${atOnce} sessions at once, and ${personMinutes} min a day for one person.${own}`);
}

function process({ since, roles, rooms, running }, now) {
  const runs = rooms ? `runs ${running} of ${rooms}` : "runs no sessions";
  return h("li", {}, h("span", { class: "what" }, [...roles].sort().join(", ")), h("span", { class: "less" }, `${runs} · up ${span(since, now)}`));
}

function showProcess({ asked, reasons, provider, watching, waits, problems }) {
  fill($("connections"),
    asked.map((name) => connection(name, reasons[name])),
    h("li", {}, h("span", { class: "what" }, provider.name), h("span", { class: "less" }, `${provider.calls} calls, ${provider.failed} failed`)),
    h("li", {}, h("span", { class: "what" }, "Watching here"), h("span", { class: "less" }, String(watching))));
  fill($("waits"), waits.length ? waits.map(wait) : h("tr", {}, h("td", { class: "empty", colspan: "4" }, "Nobody has waited yet.")));
  fill($("problems"), problems.length ? problems.map(problem) : nothing("None."));
}

function connection(name, why) {
  const pill = h("span", { class: "pill", data: { status: why ? "bad" : "well" } }, why ? "Trouble" : "Works");
  return h("li", {}, h("span", { class: "what" }, name), why ? h("span", { class: "less" }, why) : null, pill);
}

function wait({ what, half, most, count }) {
  return h("tr", {}, h("td", {}, what), h("td", {}, within(half)), h("td", {}, within(most)), h("td", {}, String(count)));
}

function problem({ last, level, event, times }) {
  const often = times > 1 ? `${times} times, last at ` : "";
  return h("li", {}, h("span", { class: "pill", data: { status: level } }, level), h("span", { class: "what" }, event), h("span", { class: "less" }, `${often}${clock(new Date(last))}`));
}

function nothing(text) {
  return h("li", { class: "empty" }, text);
}

function within(seconds) {
  return seconds === null ? "longer" : `< ${seconds < 1 ? `${Math.round(seconds * 1_000)} ms` : `${seconds} s`}`;
}

function minutes(seconds) {
  return `${(seconds / 60).toFixed(seconds >= 600 ? 0 : 1)} min`;
}

function span(since, now) {
  const passed = Math.max(0, Math.round((new Date(now) - new Date(since)) / 60_000));
  if (passed < 120) return `${passed} min`;
  return passed < 2_880 ? `${Math.floor(passed / 60)} h` : `${Math.floor(passed / 1_440)} days`;
}

function clock(moment) {
  return moment.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", second: "2-digit" });
}
