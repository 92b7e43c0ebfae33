/** Opens the door, then keeps the page in step with what is known. */

import { fill, say } from "/v/static/element.js";
import { icon } from "/v/static/icons.js";
import { asked as agreed } from "./buttons.js";
import { Stage, tick } from "./card.js";
import { quoted } from "./completion.js";
import { Composer } from "./composer.js";
import { Messages } from "./messages.js";
import { Side } from "./side.js";
import { Playground } from "./state.js";
import { welcome } from "./welcome.js";

const coarse = matchMedia("(pointer: coarse)"); // there a focus opens a keyboard over half of the page
const at = (id) => document.getElementById(id);

if (localStorage.getItem("theme")) document.documentElement.dataset.theme = localStorage.getItem("theme");

const asked = new URLSearchParams(location.hash.slice(1));
if (asked.has("as")) sessionStorage.removeItem("me"); // a window opened as somebody else
if (asked.has("as") || asked.has("key")) history.replaceState(null, "", location.pathname);

const entered = await fetch("/playground/enter", { method: "POST", body: JSON.stringify({ key: asked.get("key") ?? "" }) });
if (entered.ok) start(new Playground({ guest: asked.get("as") === "guest" }));
else at("locked").hidden = false;

function start(playground) {
  const openThread = (thread) => (location.hash = `#/${playground.place.channel}/${thread}`);
  const edit = (message) => (message.thread ? inThread : inChannel).edit(message);
  const channel = new Messages(playground, at("channel-messages"), at("channel-scroll"), { openThread, edit });
  const thread = new Messages(playground, at("thread-messages"), at("thread-scroll"), { openThread, edit });
  const stage = new Stage(at("stage"), playground);
  const side = new Side(playground);
  const inChannel = new Composer(at("channel-composer"), playground, () => ({ ...open(), thread: "" }), () => channel.follow());
  const inThread = new Composer(at("thread-composer"), playground, open, () => thread.follow());
  let frame = 0;

  fill(at("thread-close"), icon("close"));
  fill(at("channel-close"), icon("bin"));
  at("thread-close").addEventListener("click", closeThread);
  at("channel-close").addEventListener("click", closeChannel);
  at("thread").addEventListener("keydown", (event) => event.key === "Escape" && !inThread.box.value && closeThread());

  addEventListener("hashchange", route);
  playground.addEventListener("messages", ({ detail }) => arrived(detail));
  playground.addEventListener("told", ({ detail }) => answered(detail));
  playground.addEventListener("thinking", draw);
  playground.addEventListener("people", () => side.showPeople());
  playground.addEventListener("channels", route);
  playground.addEventListener("link", linked);
  setInterval(tick, 1000);

  /** The place in the address. */
  function open() {
    const [, name = "", id = ""] = location.hash.split("/");
    const known = playground.channels.includes(name) ? name : playground.channels[0] ?? "";
    return { channel: known, thread: known === name ? id : "" };
  }

  /** Who could come is asked when there is nothing else to look at. */
  async function greet() {
    const place = { ...open(), thread: "" };
    const start = ({ value, label }) => playground.run(place, `/avatar start avatar:${quoted(label)}`, { avatar: value });
    const mayStart = playground.mayUse("start");
    const actions = { begin: mayStart && (() => inChannel.begin("/avatar start ")), start };
    welcome(at("welcome"), actions, [], playground.notice);
    if (mayStart) welcome(at("welcome"), actions, await playground.look(place, "start", "avatar", ""), playground.notice);
  }

  /** An answer to what was done in this window is brought into view. */
  function answered(told) {
    announce(`Only for you: ${told.text}`);
    if (!playground.isMine(told.nonce)) return;
    if (told.nonce === playground.awaitsCard) playground.awaitsCard = ""; // it came before, or does not come
    const messages = told.thread && told.thread === open().thread ? thread : channel;
    requestAnimationFrame(() => requestAnimationFrame(() => messages.reveal(told.id)));
  }

  function route() {
    const { channel: name, thread: id } = open();
    const opened = at("thread").hidden && id;
    playground.place = { channel: name, thread: id };
    at("thread").hidden = !id;
    say(at("channel-title"), name);
    document.title = `#${name} · Avatarbot playground`;
    inChannel.placeholder = `Write in #${name}, or type / for commands`;
    side.close();
    draw();
    if (opened) inThread.box.focus();
  }

  async function closeChannel() {
    const { channel: name } = open();
    if (await agreed(`Close #${name} for everybody? What runs in it ends.`, "Close it")) playground.closeChannel(name);
  }

  function closeThread() {
    location.hash = `#/${open().channel}`;
    inChannel.box.focus();
  }

  function arrived(messages) {
    const mine = messages.find(({ card, channel: name, thread: id }) => card && card.status !== "ended" && !id && name === open().channel && card.starterName === playground.you.name);
    if (playground.awaitsCard && mine) {
      playground.awaitsCard = "";
      openThread(mine.id);
    }
    for (const message of messages) hear(message);
    draw();
  }

  /** Say once, to a screen reader, what others have said where I am. */
  function hear(message) {
    const here = open();
    const away = message.channel !== here.channel || (message.thread && message.thread !== here.thread);
    if (away || message.growing || message.card || message.deleted || message.author.id === playground.you.id) return;
    announce([`${message.author.name}: ${message.text}`, message.disclosure?.sentence].filter(Boolean).join(" "));
  }

  function announce(text) {
    say(at("announcer"), text);
  }

  function draw() {
    cancelAnimationFrame(frame);
    frame = requestAnimationFrame(drawNow);
  }

  function drawNow() {
    const { channel: name, thread: id } = open();
    at("welcome").hidden = channel.show(name, "") > 0;
    const cards = playground.within(name, "").filter(({ card }) => card && card.status !== "ended");
    say(at("channel-about"), cards.length ? `Here: ${cards.map(({ card }) => card.avatarName).join(", ")}` : "No avatar is here");
    side.showChannels();
    if (id) drawThread(name, id);
  }

  function drawThread(name, id) {
    const card = playground.cardOf(id);
    const who = card?.card.avatarName ?? "the thread";
    const talking = playground.within(name, id).some(({ growing }) => growing);
    thread.show(name, id);
    stage.show(card, talking);
    say(at("thread-about"), card ? `with ${who} in #${name}` : `in #${name}`);
    say(at("thinking-who"), `${who} is about to speak`);
    at("thinking").hidden = talking || !playground.thinking.has(`${name}/${id}`);
    inThread.placeholder = card && card.card.status !== "ended" ? `Write to ${who}` : "Write in the thread";
  }

  function linked() {
    at("app").hidden = false;
    at("link-state").hidden = playground.linked;
    say(at("link-state"), playground.linked ? "" : "Reconnecting. What you send meanwhile goes out when the connection is back.");
    if (!playground.linked) return;
    route();
    if (at("welcome").hidden || at("welcome").childElementCount) return;
    greet();
    if (!coarse.matches) inChannel.box.focus();
  }
}
