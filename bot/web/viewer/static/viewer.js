/** The page of one link: the avatar's video, what is said, and, if the link allows, a word of one's own. */

import { setClock } from "./clock.js";
import { fill, h, say } from "./element.js";
import { portrait } from "./face.js";
import { icon } from "./icons.js";
import { fetched, save } from "./files.js";
import { Playback, plays } from "./playback.js";
import { Adjust } from "./adjust.js";
import { Controls } from "./controls.js";
import { Socket } from "./socket.js";
import { Talk } from "./talk.js";

const CAPTION_STAYS = 4000;
const CAPTION_WORDS = 14;
const FORMATS = { md: "Text", json: "JSON", vtt: "WebVTT", srt: "SubRip" };
const COMMANDS = { interrupt: "Interrupt", extend: "Extend", set: "Voice" };
const INSECURE = "Picture and sound need https: this page was opened without. What is said can be read here all the same.";
const OLD = "This browser cannot show the picture: a current Chrome, Edge or Safari can, and Firefox on a computer. What is said can be read here all the same.";
const STATUS = { joining: "Joining", starting: "Waiting", live: "Live", reconnecting: "Reconnecting", stopping: "Ending", sleeping: "Asleep", ended: "Ended" };
const GONE = {
  unknown: ["This link does not work", "It may have been replaced by a newer one. Press Watch in your channel to get one of your own."],
  expired: ["This link has expired", "Press Watch in your channel to get a new one."],
  crowded: ["This link is open in five windows already", "Close one of them and reload this page, or press Watch in your channel for a new link."],
};

const at = (id) => document.getElementById(id);
const secret = location.hash.slice(1); // browsers send it to nobody
const lines = new Map();
const unanswered = new Map();

let session = { status: "joining", avatarName: "", note: "", ends: "", waiting: 0, hears: "" };
let spoken = ""; // the language of the session
let me = "";
let linked = false;
let allowed = []; // what this link may do
let captionTimer = 0;
let reading = true;
let photograph = ""; // the address of the avatar's own portrait, once it is fetched
let likeness = ""; // the address of what the avatar looks like, beside its words

const playback = plays ? new Playback(at("canvas"), { send: (frame) => socket.send(frame), changed: draw }) : null;

const controls = playback && new Controls(playback);
const QUALITY = { good: "The connection is good", fair: "The connection is uneven", poor: "The connection is too slow for all of the picture" };

const socket = new Socket("/v/socket", {
  opened: () => {
    socket.send({ type: "present", grant: secret });
    playback?.begin();
    tellVisible();
  },
  received: (frame) => take[frame.type](frame),
  streamed: (buffer) => playback.take(buffer),
  lost: () => {
    linked = false;
    talk.suspend();
    draw();
  },
});

const talk = new Talk({
  send: (frame) => socket.send(frame),
  stream: (buffer) => socket.stream(buffer),
  said: (text) => hand({ type: "say", text, aloud: true }),
});

const adjust = new Adjust({ send: (frame) => socket.send(frame), set: (options) => hand({ type: "do", verb: "set", options }) });

const take = {
  hello({ scope, now, disclosure, language = "", name = "", may = [] }) {
    setClock(now);
    disclose(disclosure, language);
    [me, linked, allowed, spoken] = [name, true, may, language];
    at("watching").hidden = scope === "speak";
    say(at("words-label"), `Say something as ${me}`);
    for (const frame of unanswered.values()) socket.send(frame);
    talk.resume();
    if (!photograph) fetchPortrait();
    draw();
  },
  session(frame) {
    session = { speaking: false, waiting: 0, note: "", ends: "", hears: "", ...frame };
    draw();
  },
  said(frame) {
    const before = lines.get(frame.id);
    if (frame.replayed && before && before.text.startsWith(frame.text)) return; // the archive is a second behind the feed
    lines.set(frame.id, frame);
    drawLine(frame);
    if (frame.replayed || before?.final) return; // told before
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
  floor(frame) {
    talk.floor = frame;
  },
  values(frame) {
    adjust.offer(frame);
  },
  heard({ text }) {
    talk.hear(text);
  },
  note({ sentence }) {
    talk.refuse(sentence);
  },
  outcome({ nonce, sentence = "", id = "" }) {
    const frame = unanswered.get(nonce);
    unanswered.delete(nonce);
    say(at("sentence"), sentence);
    if (frame?.type !== "say") return;
    if (sentence) {
      forgetLine(nonce);
      at("words").value ||= frame.text;
    } else if (id) rename(nonce, id);
  },
  gone({ why }) {
    socket.close();
    const [title, advice] = GONE[why];
    document.title = title;
    at("viewer").hidden = true;
    document.body.append(h("main", { class: "sorry" }, h("img", { src: "/v/static/icon.svg", width: 72, height: 72, alt: "" }), h("h1", {}, title), h("p", {}, advice)));
  },
};

/** In the page's own words until here, so that nothing is seen before some; gone only where the operator switched it off. */
function disclose(sentence, language) {
  say(at("disclosure"), sentence);
  at("disclosure").lang = language;
  at("disclosure").hidden = !sentence;
}

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
  say(at("ends"), status === "live" ? session.ends : "");
  at("write").hidden = !allowed.includes("say");
  talk.show({ hears: session.status === "live" ? session.hears : "", may: allowed.includes("say"), language: spoken });
  for (const command of Object.keys(COMMANDS)) at(command).hidden = status !== "live" || !allowed.includes(command);
  drawPicture(status);
  drawEnd(status);
  if (status !== "live") say(at("caption"), "");
}

function sentence(status) {
  const who = session.avatarName || "the avatar";
  const waiting = session.waiting > 1 ? ` ${session.waiting} messages are waiting.` : "";
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

/** The avatar itself, as it is or as it was last seen; else its portrait. */
function drawPicture(status) {
  if (status === "sleeping" || status === "ended") playback?.cut();
  const seen = Boolean(playback?.drawn);
  at("picture").classList.toggle("seen", seen);
  at("canvas").hidden = !seen;
  at("portrait").hidden = seen || !session.avatarName;
  if (!seen && session.avatarName) drawPortrait();
  at("sound").hidden = !playback?.showing || !playback.silent;
  controls?.draw();
  fill(at("sound"), icon("heard"), playback?.deaf ? "No sound: this browser has found no device for it" : "Tap for sound");
  if (seen && !likeness.startsWith("data:")) drawLikenesses(playback.still);
  say(at("sightless"), (plays && !playback.helpless) || status !== "live" ? "" : isSecureContext ? OLD : INSECURE);
}

function drawQuality() {
  const level = playback?.showing && linked ? playback.quality : "";
  at("quality").hidden = !level;
  at("quality").dataset.level = level;
  at("quality").title = QUALITY[level] ?? "";
  at("quality").setAttribute("aria-label", QUALITY[level] ?? "");
}

function drawPortrait() {
  const drawn = `${session.avatarName} ${photograph}`;
  if (at("portrait").dataset.drawn === drawn) return;
  at("portrait").dataset.drawn = drawn;
  fill(at("portrait"), portrait(session.avatarName, photograph));
}

async function fetchPortrait() {
  const picture = await fetched("/v/portrait", secret);
  if (!picture || photograph) return;
  photograph = URL.createObjectURL(picture);
  if (!likeness) drawLikenesses(photograph);
  draw();
}

function drawEnd(status) {
  const over = status === "ended";
  at("taking").hidden = !over;
  if (!over) return;
  at("write").hidden = at("watching").hidden = true;
  if (at("formats").children.length) return;
  fill(at("formats"), Object.entries(FORMATS).map(([format, label]) =>
    h("li", {}, h("button", { type: "button", onclick: () => takeTranscript(format) }, icon("file"), label))));
}

async function takeTranscript(format) {
  const file = await fetched(`/v/transcript.${format}`, secret);
  if (file) save(file, `transcript.${format}`);
  else say(at("state"), "The transcript could not be fetched. Please try again.");
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
  likeness = picture;
  for (const frame of at("said").querySelectorAll(".face")) frame.replaceWith(portrait(session.avatarName, likeness));
}

function newLine(line) {
  const name = speakerOf(line);
  const sign = line.speaker === "bot" ? portrait(name, likeness) : h("div", { class: "chip", aria: { hidden: "true" } }, [...name][0]);
  const element = h("li", { id: `said-${line.id}` }, sign, speakerLine(name, line.to), h("p", {}));
  at("said").append(element);
  return element;
}

function speakerLine(name, to) {
  return h("b", {}, name, to ? h("span", { class: "to" }, ` to ${to}`) : "");
}

/** One's own words, once the server knows them: under its id, and once. */
function rename(nonce, id) {
  if (at(`said-${id}`)) return forgetLine(nonce);
  const element = at(`said-${nonce}`);
  if (!element) return;
  element.id = `said-${id}`;
  lines.set(id, { ...lines.get(nonce), id });
  lines.delete(nonce);
}

function forgetLine(id) {
  lines.delete(id);
  at(`said-${id}`)?.remove();
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
  take.said({ id: hand({ type: "say", text }), speaker: "user", name: me, text, final: true });
}

at("write").addEventListener("submit", speak);
at("words").addEventListener("keydown", (event) => event.key === "Enter" && !event.shiftKey && !event.isComposing && speak(event));
for (const [verb, label] of Object.entries(COMMANDS)) {
  fill(at(verb), icon(verb), label);
  at(verb).addEventListener("click", () => (verb === "set" ? adjust.open() : hand({ type: "do", verb })));
}
fill(at("send"), icon("send"));
at("sound").addEventListener("click", () => playback.unmute());
fill(at("voice"), [1, 2, 3, 4].map(() => h("i")));
document.addEventListener("visibilitychange", tellVisible);
setInterval(drawQuality, 1000);
at("scroll").addEventListener("scroll", ({ target }) => (reading = target.scrollHeight - target.scrollTop - target.clientHeight < 80), { passive: true });
new ResizeObserver(follow).observe(at("scroll"));
addEventListener("hashchange", () => location.reload()); // another link, pasted over this one
