/** Speaking aloud: hold the button or the space key, or lock it for free hands. Nothing is opened or sent before that. */

import { fill, h, say } from "./element.js";
import { icon } from "./icons.js";
import { hasMicrophone, INSECURE, loudness, Microphone } from "./microphone.js";
import { CANNOT, recognises, SpeechWords } from "./recognition.js";

const EARLY = 25; // pieces of 20 ms that are kept until the floor is given
const TAIL = 200; // milliseconds in which the end of a word is still sent
const KEPT_OPEN = 10_000; // milliseconds after which an unused microphone is closed: it opens slowly
const SHOWN = 3000; // milliseconds for which one's own words stay below the button
const ENDED = "The microphone was switched off.";
const OVER = "A minute is over. Press again to go on.";

const at = (id) => document.getElementById(id);
const ordinal = (n) => `${n}${["th", "st", "nd", "rd"][n % 100 > 10 && n % 100 < 14 ? 0 : n % 10] ?? "th"}`;

export class Talk {
  #handlers;
  #microphone = new Microphone({ taken: (piece) => this.#take(piece), ended: () => this.#fail(ENDED) });
  #words;
  #floor = {};
  #floorAt = 0;
  #hears = "";
  #wanted = ""; // "hold" or "lock", while the button is pressed
  #early = [];
  #tail = 0;
  #closing = 0;
  #had = false; // the floor, since the button was pressed
  #note = "";
  #shown = 0;

  /** `send(frame)` and `stream(buffer)` go to the server, `said(text)` is what was recognised here. */
  constructor(handlers) {
    this.#handlers = handlers;
    this.#words = new SpeechWords({
      heard: (text) => this.#tell(text),
      began: () => handlers.send({ type: "speaks" }),
      failed: (sentence) => this.#fail(sentence),
    });
    this.#listen();
    setInterval(() => this.#floor.name && this.draw(), 1000);
  }

  /** What the session hears, and whether this link may speak. */
  show({ hears, may, language }) {
    const before = this.#hears;
    this.#hears = may ? hears : "";
    this.language = language;
    if (this.#hears !== before) this.release();
    this.draw();
  }

  /** The floor as the server sees it. */
  set floor(floor) {
    const [before, left] = [this.#floor, this.#left];
    this.#floor = floor;
    this.#floorAt = performance.now();
    if (floor.yours && !before.yours) this.#begin();
    if (before.yours && !floor.yours && this.#wanted) this.#lose(left < 2 ? OVER : floor.name ? `${floor.name} speaks now.` : "");
    this.draw();
  }

  /** What is understood of one's own words, until they stand in the transcript. */
  hear(text) {
    this.#tell(`“${text}”`);
    clearTimeout(this.#shown);
    this.#shown = setTimeout(() => this.#tell(""), SHOWN);
  }

  /** A sentence of the server's. */
  refuse(sentence) {
    this.#fail(sentence);
  }

  /** The connection is back: whoever still holds the button goes on. */
  resume() {
    if (this.#wanted) this.#handlers.send({ type: "floor", on: true });
  }

  /** The connection is lost, and the floor with it. */
  suspend() {
    this.#floor = {};
    this.#early = [];
    this.draw();
  }

  get on() {
    return Boolean(this.#floor.yours && this.#wanted);
  }

  // ------------------------------------------------ pressing

  press(how) {
    if (this.#wanted || !this.#hears) return;
    clearTimeout(this.#tail);
    clearTimeout(this.#closing);
    [this.#wanted, this.#had, this.#early] = [how, false, []];
    this.#tell("");
    if (this.#hears === "sound") this.#open();
    else this.#ask();
    this.draw();
  }

  async release() {
    if (!this.#wanted) return;
    this.#wanted = "";
    this.draw();
    this.#closing = setTimeout(() => this.#microphone.close(), KEPT_OPEN);
    if (!this.#words.running) this.#tail = setTimeout(() => this.#leave(), this.#floor.yours ? TAIL : 0);
    else {
      await this.#hand();
      this.#tell("");
    }
  }

  take() {
    this.#handlers.send({ type: "floor", on: true, take: true });
  }

  /** Nobody sees that it is on: it is off at once. */
  #hide() {
    this.release();
    this.#microphone.close();
  }

  async #open() {
    try {
      await this.#microphone.open();
    } catch (error) {
      return this.#fail(error.message);
    }
    if (this.#wanted) this.#ask();
  }

  #ask() {
    this.#handlers.send({ type: "floor", on: true });
  }

  #leave() {
    this.#tail = 0;
    this.#handlers.send({ type: "floor", on: false });
  }

  async #hand() {
    const text = await this.#words.end();
    this.#leave();
    if (text) this.#handlers.said(text);
  }

  #begin() {
    this.#had = true;
    for (const piece of this.#early.splice(0)) this.#handlers.stream(piece);
    if (this.#hears === "words" && this.#wanted) this.#words.begin(this.language);
  }

  #lose(why) {
    if (!this.#had) return;
    if (this.#words.running) this.#hand();
    this.#wanted = "";
    this.#microphone.close();
    this.#tell(why);
  }

  #fail(sentence) {
    this.#wanted = "";
    this.#microphone.close();
    this.#words.end();
    this.#leave();
    this.#tell(sentence);
    this.draw();
  }

  #take(piece) {
    const sending = this.#wanted || this.#tail;
    at("mic").style.setProperty("--level", this.on ? loudness(piece).toFixed(2) : 0);
    if (this.#floor.yours && sending) this.#handlers.stream(piece);
    else if (this.#wanted) this.#early = this.#floor.place ? [] : [...this.#early.slice(1 - EARLY), piece];
  }

  #tell(sentence) {
    clearTimeout(this.#shown);
    this.#note = sentence;
    say(at("mic-note"), sentence);
  }

  // ------------------------------------------------ showing

  draw() {
    const { name, yours, place, mayTake } = this.#floor;
    const impossible = this.#hears === "sound" && !hasMicrophone ? INSECURE : this.#hears === "words" && !recognises ? CANNOT : "";
    at("aloud").hidden = !this.#hears;
    at("mic").disabled = at("hands").disabled = Boolean(impossible);
    const state = this.on ? "on" : this.#wanted ? "waiting" : "off";
    at("aloud").dataset.state = state;
    at("mic").setAttribute("aria-pressed", state !== "off");
    at("hands").setAttribute("aria-pressed", this.#wanted === "lock");
    say(at("mic-label"), this.#label(state, place, name));
    at("take").hidden = !(place && mayTake);
    if (impossible) say(at("mic-note"), impossible);
    else if (!this.#note) say(at("mic-note"), "");
    at("speaker").hidden = !name;
    at("speaker").dataset.yours = Boolean(yours);
    say(at("speaker-name"), yours ? "You are speaking" : `${name} is speaking`);
    say(at("speaker-left"), yours ? `0:${String(Math.ceil(this.#left)).padStart(2, "0")}` : "");
  }

  #label(state, place, name) {
    if (state === "on") return this.#wanted === "lock" ? "Press to stop" : "Let go to stop";
    if (state === "waiting") return place ? `You are ${ordinal(place)} in line after ${name}` : "One moment …";
    return "Hold to talk";
  }

  /** Seconds. */
  get #left() {
    return Math.max(0, (this.#floor.left ?? 0) - (performance.now() - this.#floorAt) / 1000);
  }

  // ------------------------------------------------ hands and keys

  #listen() {
    const mic = at("mic");
    fill(mic, icon("mic"), h("span", { id: "mic-label" }, "Hold to talk"), h("kbd", { aria: { hidden: "true" } }, "Space"));
    fill(at("hands"), icon("lock"));
    at("hands").addEventListener("click", () => (this.#wanted === "lock" ? this.release() : this.press("lock")));
    at("take").addEventListener("click", () => this.take());
    mic.addEventListener("pointerdown", (event) => this.#down(event));
    for (const end of ["pointerup", "pointercancel", "lostpointercapture"]) mic.addEventListener(end, () => this.#up());
    mic.addEventListener("contextmenu", (event) => event.preventDefault()); // a long press on a phone
    mic.addEventListener("click", (event) => this.#activate(event));
    addEventListener("keydown", (event) => this.#key(event, true));
    addEventListener("keyup", (event) => this.#key(event, false));
    addEventListener("blur", () => this.#up());
    document.addEventListener("visibilitychange", () => document.hidden && this.#hide());
  }

  #down(event) {
    if (event.button !== 0) return;
    if (this.#wanted === "lock") return void this.release();
    event.target.setPointerCapture?.(event.pointerId);
    this.press("hold");
  }

  #up() {
    if (this.#wanted === "hold") this.release();
  }

  /** A click that no pointer and no key made is that of a screen reader: it cannot hold, so it locks. */
  #activate(event) {
    if (event.detail || event.pointerType) return;
    if (this.#wanted) this.release();
    else this.press("lock");
  }

  #key(event, down) {
    if (event.code !== "Space" || event.ctrlKey || event.altKey || event.metaKey || this.#elsewhere(event.target)) return;
    if (!this.#hears || !at("viewer").checkVisibility()) return;
    event.preventDefault();
    if (down && !event.repeat) this.press("hold");
    if (!down) this.#up();
  }

  /** Where a space is a space, or presses something else. */
  #elsewhere(target) {
    return target.id !== "mic" && Boolean(target.closest?.("input, textarea, select, button, a, [contenteditable]"));
  }
}
