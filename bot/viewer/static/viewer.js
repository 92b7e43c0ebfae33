/** One link, one page: who is on stage, what is said, and, if the link allows, a word of one's own. */

import { countdown, setClock, until } from "./clock.js";
import { fill, h, say } from "./element.js";
import { Face, portrait } from "./face.js";
import { icon } from "./icons.js";
import { Playback, plays } from "./playback.js";
import { Socket } from "./socket.js";

const SOON = 60_000;
const CAPTION_STAYS = 4000;
const CAPTION_WORDS = 14;
const SETTLING = 800; // milliseconds after joining in which old words arrive
const REFUSED = 1008;
const FORMATS = { md: "Text", json: "JSON", vtt: "WebVTT", srt: "SubRip" };
const INSECURE = "Picture and sound need https: this page was opened without. What is said can be read here all the same.";
const OLD = "This browser cannot show the picture: a current Chrome, Edge or Safari can, and Firefox on a computer. What is said can be read here all the same.";
const STATUS = { joining: "Joining", starting: "Waiting", live: "Live", reconnecting: "Reconnecting", stopping: "Ending", sleeping: "Asleep", ended: "Ended" };

const at = (id) => document.getElementById(id);
const secret = location.pathname.split("/")[2];
const lines = new Map();
const unanswered = new Map();

let session = { status: "joining", avatarName: "", note: "", waiting: 0 };
let me = "";
let linked = false;
let face = null;
let captionTimer = 0;
let settledAt = Infinity;
let reading = true;
let still = ""; // the address of a picture of the avatar, once it was seen

const socket = new Socket("/v/socket", {
  opened: () => {
    socket.send({ type: "present", grant: secret });
    playback?.begin();
    tellVisible();
  },
  received: (frame) => take[frame.type](frame),
  streamed: (buffer) => playback.take(buffer),
  lost,
});

const playback = plays ? new Playback(at("canvas"), { send: (frame) => socket.send(frame), changed: draw }) : null;

const take = {
  hello({ scope, now, name = "" }) {
    setClock(now);
    [me, linked, settledAt] = [name, true, performance.now() + SETTLING];
    at("write").hidden = scope !== "speak";
    at("watching").hidden = scope === "speak";
    say(at("words-label"), `Say something as ${me}`);
    for (const frame of unanswered.values()) socket.send(frame);
    draw();
  },
  session(frame) {
    session = { speaking: false, waiting: 0, note: "", ...frame };
    draw();
  },
  said(frame) {
    const before = lines.get(frame.id);
    if (before && !frame.final && before.text.startsWith(frame.text)) return; // the archive is a second behind the feed
    lines.set(frame.id, frame);
    drawLine(frame);
    if (before?.final || performance.now() < settledAt) return; // told before
    caption(frame);
    if (frame.final) say(at("announcer"), `${speakerOf(frame)}: ${frame.text}`);
  },
  audience({ count, names = [] }) {
    const others = count - names.length;
    const named = names.map((name) => (name === me ? "you" : name));
    at("audience").hidden = count < 1;
    at("audience").title = [...named, others > 0 && `${others} more`].filter(Boolean).join(", ");
    fill(at("audience"), icon("watch"), `${count} watching`);
  },
  outcome({ nonce, sentence = "" }) {
    const frame = unanswered.get(nonce);
    unanswered.delete(nonce);
    say(at("sentence"), sentence);
    if (!sentence || frame?.type !== "say") return;
    lines.delete(nonce);
    at(`said-${nonce}`)?.remove();
    at("words").value ||= frame.text;
  },
  expired() {
    socket.close();
    location.reload(); // the server says what became of the link
  },
};

// ------------------------------------------------ the stage

function draw() {
  const status = linked || session.status === "ended" || session.status === "joining" ? session.status : "reconnecting";
  const speaking = session.speaking && status === "live";
  Object.assign(at("viewer").dataset, { status, speaking });
  say(at("name"), session.avatarName || "Avatar");
  document.title = session.avatarName ? `${session.avatarName} · ${STATUS[status]}` : "Watch";
  say(at("status"), STATUS[status]);
  at("status").dataset.status = status === "joining" ? "starting" : status;
  say(at("state"), sentence(status));
  drawFace(status, speaking);
  drawPicture(status);
  drawEnd(status);
  if (status !== "live") say(at("caption"), "");
  tick();
}

function sentence(status) {
  const who = session.avatarName || "the avatar";
  const waiting = session.waiting ? ` ${session.waiting} waiting.` : "";
  if (status === "joining") return "Joining …";
  if (status === "reconnecting" && !linked) return "The connection broke. Coming back by itself …";
  return {
    starting: session.note || `Waiting for ${who} …`,
    live: (session.note || `${who} is here.`) + waiting,
    reconnecting: session.note || `${who} lost the connection and is coming back …`,
    stopping: session.note || `${who} is leaving …`,
    sleeping: session.note || `${who} is asleep. A message in the channel wakes ${who}.`,
    ended: session.note || "The talk is over.",
  }[status];
}

function drawFace(status, speaking) {
  if (session.avatarName && face?.name !== session.avatarName) {
    face = Object.assign(new Face(session.avatarName), { name: session.avatarName });
    face.svg.setAttribute("preserveAspectRatio", "xMidYMid meet");
    at("drawn").style.setProperty("background", face.wall);
    fill(at("drawn"), face.svg);
    face.live();
  }
  if (face) face.state = status === "sleeping" || status === "ended" ? "asleep" : speaking ? "speaking" : "idle";
}

/** The avatar itself once it is seen, and the drawn face whenever it is not there. */
function drawPicture(status) {
  if (status === "sleeping" || status === "ended") playback?.cut();
  const seen = Boolean(playback?.showing);
  at("picture").classList.toggle("seen", seen);
  at("canvas").hidden = !seen;
  at("drawn").hidden = seen;
  at("sound").hidden = !seen || !playback.silent;
  if (seen && !still) drawLikenesses(playback.still);
  say(at("sightless"), (plays && !playback.helpless) || status !== "live" ? "" : isSecureContext ? OLD : INSECURE);
}

function drawEnd(status) {
  const over = status === "ended";
  at("taking").hidden = !over;
  if (!over) return;
  at("write").hidden = at("watching").hidden = true;
  if (!at("formats").children.length) {
    fill(at("formats"), Object.entries(FORMATS).map(([format, label]) =>
      h("li", {}, h("a", { href: `${location.pathname}/transcript.${format}`, download: `transcript.${format}` }, icon("file"), label))));
  }
}

function tick() {
  const { endsAt, status } = session;
  at("left").hidden = !endsAt || status === "ended";
  if (at("left").hidden) return;
  fill(at("left"), icon("time"), `${countdown(until(endsAt))} left`);
  at("left").classList.toggle("soon", until(endsAt) < SOON);
}

/** The last words on the picture, as subtitles; they stay a moment after the end. */
function caption({ text, final, speaker }) {
  if (speaker !== "bot" || session.status === "ended") return;
  const words = text.split(" ");
  say(at("caption"), words.slice(Math.floor((words.length - 1) / CAPTION_WORDS) * CAPTION_WORDS).join(" "));
  clearTimeout(captionTimer);
  if (final) captionTimer = setTimeout(() => say(at("caption"), ""), CAPTION_STAYS);
}

// ------------------------------------------------ the words

function speakerOf({ speaker, name }) {
  return name || (speaker === "bot" ? session.avatarName || "Avatar" : "Somebody in the room");
}

function drawLine(line) {
  const element = at(`said-${line.id}`) ?? newLine(line);
  say(element.querySelector("p"), line.text);
  element.querySelector("p").classList.toggle("growing", !line.final);
  at("nothing").hidden = true;
  follow();
}

/** Stay with the newest words, unless somebody has scrolled up to read. */
function follow() {
  if (reading) at("scroll").scrollTop = at("scroll").scrollHeight;
}

/** Beside its words the avatar looks as it does on the stage. */
function drawLikenesses(picture) {
  still = picture;
  for (const frame of at("said").querySelectorAll(".face")) frame.replaceWith(portrait(session.avatarName, still));
}

function newLine(line) {
  const name = speakerOf(line);
  const likeness = line.speaker === "bot" ? portrait(name, still) : h("div", { class: "chip", aria: { hidden: "true" } }, [...name][0]);
  const element = h("li", { id: `said-${line.id}` }, likeness, h("b", {}, name), h("p", {}));
  at("said").append(element);
  return element;
}

function lost(code) {
  linked = false;
  if (code === REFUSED) return take.expired();
  draw();
}

function tellVisible() {
  socket.send({ type: "visible", on: !document.hidden, plays });
}

// ------------------------------------------------ speaking

function hand(frame) {
  const whole = { ...frame, nonce: crypto.getRandomValues(new Uint32Array(4)).join("-") }; // without https there is no randomUUID
  unanswered.set(whole.nonce, whole);
  say(at("sentence"), "");
  socket.send(whole);
  return whole.nonce;
}

function speak(event) {
  event.preventDefault();
  const text = at("words").value.trim();
  if (!text) return;
  at("words").value = "";
  take.said({ id: hand({ type: "say", text }), speaker: "person", name: me, text, final: true });
}

at("write").addEventListener("submit", speak);
at("words").addEventListener("keydown", (event) => event.key === "Enter" && !event.shiftKey && !event.isComposing && speak(event));
for (const [verb, label] of [["interrupt", "Interrupt"], ["keep-going", "Keep going"]]) {
  fill(at(verb), icon(verb), label);
  at(verb).addEventListener("click", () => hand({ type: "do", verb }));
}
fill(at("send"), icon("send"));
fill(at("sound"), icon("heard"), "Tap for sound");
at("sound").addEventListener("click", () => playback.unmute());
fill(at("voice"), [1, 2, 3, 4].map(() => h("i")));
document.addEventListener("visibilitychange", tellVisible);
at("scroll").addEventListener("scroll", ({ target }) => (reading = target.scrollHeight - target.scrollTop - target.clientHeight < 80), { passive: true });
new ResizeObserver(follow).observe(at("scroll"));
setInterval(tick, 1000);
