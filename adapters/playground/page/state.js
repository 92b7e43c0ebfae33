/** What this window knows, and the one way in and out. The server tells by state: a message under its id, whole, newest last. */

import { setClock } from "/v/static/clock.js";
import { Socket } from "/v/static/socket.js";
import { discreet } from "./completion.js";

const THINKING = 6000;
const LOOK_TIMEOUT = 3000;

export class Playground extends EventTarget {
  you = { id: "", name: "" };
  people = [];
  channels = [];
  verbs = [];
  notice = "";
  messages = new Map();
  told = [];
  thinking = new Map();
  linked = false;
  awaitsCard = ""; // the nonce of what was started in this window, until its card is here
  place = { channel: "", thread: "" };
  #seq = 0;
  #outbox = new Map();
  #typed = new Map();
  #looks = new Map();
  #looked = 0;
  #socket;
  #guest;

  constructor({ guest }) {
    super();
    this.#guest = guest;
    this.#socket = new Socket("/playground/socket", {
      opened: () => this.#enter(),
      received: (frame) => this.#receive(frame),
      lost: () => this.#lost(),
    });
  }

  // ------------------------------------------------ reading

  /** Messages of a place, oldest first. */
  within(channel, thread) {
    const here = [...this.messages.values()].filter((message) => message.channel === channel && message.thread === thread);
    return here.sort((one, other) => (one.id < other.id ? -1 : 1));
  }

  /** The newest card that shows the session of a thread. */
  cardOf(thread) {
    const cards = [...this.messages.values()].filter((message) => message.card && (message.id === thread || message.thread === thread));
    return cards.sort((one, other) => (one.id < other.id ? 1 : -1))[0] ?? null;
  }

  /** What somebody typed under a nonce. */
  typedAs(nonce) {
    return this.#typed.get(nonce) ?? "";
  }

  // ------------------------------------------------ doing

  /** A place is `{ channel, thread }`. */
  write(place, text) {
    const nonce = this.#hand({ type: "write", ...place, text });
    const author = { id: this.you.id, name: this.you.name, kind: "person" };
    this.messages.set(nonce, { id: `${Date.now()}999`, ...place, author, text, nonce, pending: true });
    this.#changed([this.messages.get(nonce)]);
  }

  run(place, text, picked) {
    this.#did({ type: "run", ...place, text, picked }, discreet(text, this.verbs), /^\/(avatar\s+)?start\b/.test(text));
  }

  pick({ channel, thread }, verb, options, confirmed = false) {
    const line = Object.entries(options).map(([name, value]) => `${name}:${value}`).join(" ");
    this.#did({ type: "pick", channel, thread, verb, options, confirmed }, `/avatar ${verb} ${line}`, verb === "start");
  }

  press(message, action, confirmed = false) {
    this.#did({ type: "press", message, action, confirmed }, "", action === "start");
  }

  #did(frame, typed, starts) {
    const nonce = this.#hand(frame);
    this.#typed.set(nonce, typed);
    if (starts) this.awaitsCard = nonce;
  }

  /** Whether a verb is for who looks at this page. */
  mayUse(verb) {
    return this.verbs.some(({ name, withheld }) => name === verb && !withheld);
  }

  /** Whether it was done in this window. */
  isMine(nonce) {
    return this.#typed.has(nonce);
  }

  rewrite(message, text) {
    this.#hand({ type: "rewrite", message, text });
  }

  withdraw(message) {
    this.#hand({ type: "withdraw", message });
  }

  rename(name) {
    this.#socket.send({ type: "rename", name });
  }

  openChannel(name) {
    this.#socket.send({ type: "open-channel", name });
  }

  closeChannel(name) {
    this.#socket.send({ type: "close-channel", name });
  }

  dismiss(told) {
    this.told = this.told.filter((other) => other !== told);
    this.#changed([]);
  }

  /** Values for an option; none when the answer does not come. */
  look(place, verb, option, typed) {
    const look = ++this.#looked;
    this.#socket.send({ type: "look", look, ...place, verb, option, typed });
    return new Promise((resolve) => {
      this.#looks.set(look, resolve);
      setTimeout(() => this.#offered(look, []), LOOK_TIMEOUT);
    });
  }

  // ------------------------------------------------ the wire

  #hand(frame) {
    const nonce = crypto.randomUUID();
    this.#outbox.set(nonce, { ...frame, nonce });
    this.#socket.send({ ...frame, nonce });
    return nonce;
  }

  #enter() {
    const { person = "", proof = "" } = JSON.parse(sessionStorage.getItem("me") ?? "{}");
    this.#socket.send({ type: "enter", person, proof, guest: this.#guest, seq: this.#seq });
  }

  #receive(frame) {
    const take = { welcome: this.#welcome, changed: this.#take, present: this.#present, channels: this.#channels, thinking: this.#think, taken: this.#taken, told: this.#tell, offered: (offered) => this.#offered(offered.look, offered.choices) };
    take[frame.type].call(this, frame);
  }

  #welcome({ you, proof, now, channels, people, verbs, notice = "" }) {
    setClock(now);
    sessionStorage.setItem("me", JSON.stringify({ person: you.id, proof }));
    Object.assign(this, { you, channels, people, verbs, notice, linked: true });
    for (const frame of this.#outbox.values()) this.#socket.send(frame);
    this.#emit("link");
    this.#emit("people");
    this.#emit("channels");
  }

  #take({ messages, seq }) {
    for (const message of messages) {
      const whole = { thread: "", text: "", ...message };
      if (whole.nonce) this.messages.delete(whole.nonce);
      if (whole.deleted) this.messages.delete(whole.id);
      else this.messages.set(whole.id, whole);
      if (whole.author.kind === "avatar") this.thinking.delete(`${whole.channel}/${whole.thread}`);
    }
    this.#seq = seq;
    this.#changed(messages);
  }

  #present({ people }) {
    this.people = people;
    this.you = people.find((person) => person.id === this.you.id) ?? this.you;
    this.#emit("people");
  }

  #channels({ channels }) {
    this.channels = channels;
    this.#emit("channels");
  }

  #think({ channel, thread }) {
    const key = `${channel}/${thread}`;
    clearTimeout(this.thinking.get(key));
    this.thinking.set(key, setTimeout(() => this.thinking.delete(key) && this.#emit("thinking"), THINKING));
    this.#emit("thinking");
  }

  #taken({ nonce }) {
    this.#outbox.delete(nonce);
  }

  #tell(frame) {
    const place = frame.channel ? { channel: frame.channel, thread: frame.thread ?? "" } : this.place;
    const last = [...this.messages.values()].reduce((id, message) => (message.id > id ? message.id : id), "");
    this.told.push({ items: [], nonce: "", ...frame, ...place, after: last });
    if (frame.nonce) this.messages.get(frame.nonce)?.pending && this.messages.delete(frame.nonce);
    this.#changed([]);
    this.#emit("told", frame);
  }

  #offered(look, choices) {
    this.#looks.get(look)?.(choices ?? []);
    this.#looks.delete(look);
  }

  #lost() {
    this.linked = false;
    this.#emit("link");
  }

  #changed(messages) {
    this.#emit("messages", messages);
  }

  #emit(kind, detail) {
    this.dispatchEvent(new CustomEvent(kind, { detail }));
  }
}
