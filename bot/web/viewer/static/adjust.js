/** The language and the voice of the avatar, for those who may set them. */

import { fill, h } from "./element.js";

const PAUSE = 150; // milliseconds after a letter
const FIELDS = { language: "language", voice: "voice-of" };
const LISTS = { language: "languages", voice: "voices" };

const at = (id) => document.getElementById(id);

export class Adjust {
  #send;
  #values = { language: new Map(), voice: new Map() };
  #timer = 0;

  /** `send(frame)` asks the server for values, `set(options)` has them set. */
  constructor({ send, set }) {
    this.#send = send;
    for (const [option, field] of Object.entries(FIELDS)) at(field).addEventListener("input", () => this.#askSoon(option));
    at("adjusting").addEventListener("close", () => this.#done(set));
  }

  open() {
    for (const [option, field] of Object.entries(FIELDS)) {
      at(field).value = "";
      this.#ask(option);
    }
    at("adjusting").returnValue = "";
    at("adjusting").showModal();
  }

  /** What the server offers for what was typed. */
  offer({ option, typed, values = [] }) {
    if (at(FIELDS[option]).value.slice(0, 64) !== typed) return;
    for (const { value, label } of values) this.#values[option].set(label, value);
    fill(at(LISTS[option]), values.map(({ label }) => h("option", { value: label })));
  }

  #askSoon(option) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#ask(option), PAUSE);
  }

  #ask(option) {
    this.#send({ type: "values", option, typed: at(FIELDS[option]).value.slice(0, 64) });
  }

  #done(set) {
    if (at("adjusting").returnValue !== "set") return;
    const options = {};
    for (const [option, field] of Object.entries(FIELDS)) {
      const typed = at(field).value.trim();
      if (typed) options[option] = this.#values[option].get(typed) ?? typed;
    }
    if (Object.keys(options).length) set(options);
  }
}
