/** The card of a session: who is on stage, how it is, how long yet, and what can be done. */

import { countdown, until } from "/v/static/clock.js";
import { fill, h, say } from "/v/static/element.js";
import { portrait } from "/v/static/face.js";
import { icon } from "/v/static/icons.js";

export const STATUS = { starting: "Starting", live: "Live", reconnecting: "Reconnecting", stopping: "Stopping", sleeping: "Asleep", ended: "Ended" };
const MODES = { 1: "Says what it is given", 2: "Answers by itself" };
const ACTIONS = { watch: ["Watch", "primary"], interrupt: ["Interrupt", ""], extend: ["Extend", ""], stop: ["Stop", "danger"], transcript: ["Transcript", ""], start: ["Start again", "primary"] };
const SOON = 60_000;

/** The name with its state, as a heading. */
export function nameplate(card) {
  return h("h3", { class: "nameplate" }, card.avatarName, h("span", { class: "pill", data: { status: card.status } }, STATUS[card.status]));
}

/** Time left and how many wait; empty when there is neither. */
export function meters(card) {
  return h("p", { class: "meters" },
    card.endsAt && h("span", { data: { endsAt: card.endsAt } }, icon("time"), h("span", {}, left(card.endsAt))),
    card.waiting > 0 && h("span", {}, icon("people"), `${card.waiting} waiting`));
}

/** One button for each thing that can be done. */
export function actions(card, press) {
  return h("div", { class: "actions" }, (card.actions ?? []).map((action) => {
    const [label, look] = ACTIONS[action];
    return h("button", { type: "button", class: look, data: { action }, onclick: () => press(action) }, icon(action), label);
  }));
}

/** A card as it stands in the channel. */
export function card(message, playground, openThread) {
  const { card: shown } = message;
  const press = (action) => {
    openThread(message.thread || message.id);
    playground.press(message.id, action);
  };
  return h("article", { class: "card", data: { status: shown.status }, aria: { label: `${shown.avatarName}, ${STATUS[shown.status]}` } },
    h("div", { class: "top" },
      h("div", { class: "picture" }, portrait(shown.avatarName, shown.picture)),
      h("div", { class: "facts" },
        nameplate(shown),
        h("p", { class: "sub" }, [MODES[shown.mode], ...(shown.traits ?? []), `started by ${shown.starterName}`].join(" · ")),
        h("p", { class: "note" }, shown.note),
        meters(shown))),
    actions(shown, press),
    message.thread ? null : threadButton(message, playground, openThread));
}

function threadButton(message, playground, openThread) {
  const replies = playground.within(message.channel, message.id);
  const last = replies.at(-1);
  const label = replies.length ? `${replies.length} ${replies.length === 1 ? "message" : "messages"}` : "Open the thread";
  return h("button", { type: "button", class: "open-thread", onclick: () => openThread(message.id) },
    icon("thread"), h("b", {}, label), last && h("span", {}, `${last.author.name}: ${last.text}`));
}

/** Count every countdown on the page down, once a second. */
export function tick() {
  for (const meter of document.querySelectorAll("[data-ends-at]")) {
    say(meter.lastElementChild, left(meter.dataset.endsAt));
    meter.classList.toggle("soon", until(meter.dataset.endsAt) < SOON);
  }
}

function left(endsAt) {
  return `${countdown(until(endsAt))} left`;
}

/** The stage above a thread: the same session, large and moving. */
export class Stage {
  #element;
  #drawn = "";

  constructor(element) {
    this.#element = element;
  }

  show(message, speaking, press) {
    if (!message) return fill(this.#element);
    const { card: shown } = message;
    const drawn = JSON.stringify([message.id, shown]);
    if (drawn !== this.#drawn) this.#draw(shown, press);
    this.#drawn = drawn;
    this.#element.dataset.speaking = speaking && shown.status === "live";
    return this.#element;
  }

  #draw(shown, press) {
    const face = this.#sameFace(shown);
    fill(this.#element, face, h("div", {}, nameplate(shown), h("p", { class: "note" }, shown.note), meters(shown)), actions(shown, press));
  }

  #sameFace({ avatarName, picture }) {
    const kept = this.#element.querySelector(".face");
    if (kept?.dataset.of === `${avatarName} ${picture}`) return kept;
    const frame = portrait(avatarName, picture);
    frame.dataset.of = `${avatarName} ${picture}`;
    return frame;
  }
}
