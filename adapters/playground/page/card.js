/** The card of a session: its avatar, how it is, how long yet, and what can be done. */

import { countdown, since, until } from "/v/static/clock.js";
import { fill, h, say } from "/v/static/element.js";
import { portrait } from "/v/static/face.js";
import { icon } from "/v/static/icons.js";
import { button } from "./buttons.js";

export const STATUS = { starting: "Starting", live: "Live", reconnecting: "Reconnecting", stopping: "Stopping", sleeping: "Asleep", ended: "Ended" };
const MODES = { 1: "Reads messages aloud", 2: "Answers by itself" };
const SOON = 60_000;

/** The name with its state, as a heading. */
export function nameplate(card) {
  return h("h3", { class: "nameplate" }, card.avatarName, h("span", { class: "pill", data: { status: card.status } }, STATUS[card.status]));
}

/** How long it has been live, when it ends and how many wait, or what there is to say when it has ended. */
export function meters(card) {
  return h("p", { class: "meters" },
    card.liveSince && h("span", { data: { liveSince: card.liveSince } }, icon("time"), h("span", {}, lived(card.liveSince))),
    card.endsAt && h("span", { data: { endsAt: card.endsAt } }, icon("time"), h("span", {}, left(card.endsAt))),
    card.facts?.length > 0 && h("span", {}, icon("time"), card.facts.join(" · ")),
    card.waiting > 0 && h("span", {}, icon("people"), `${card.waiting} waiting`));
}

/** What will end it, in a sentence. */
export function ending(card) {
  return card.ends && h("p", { class: "ends" }, card.ends);
}

/** That the avatar is an AI, in words. */
export function disclosed(disclosure) {
  return disclosure && h("p", { class: "disclosure", role: "note", lang: disclosure.language || null }, disclosure.sentence);
}

/** What is written down, and for how long. */
function kept(card) {
  return card.kept && h("p", { class: "kept" }, card.kept);
}

/** One button for each thing that can be done by who looks at it. */
export function actions(card, playground, press) {
  const offered = (card.buttons ?? []).filter(({ verb }) => playground.mayUse(verb));
  return h("div", { class: "actions" }, offered.map((each) => button(each, (confirmed) => press(each.action, confirmed))));
}

/** A card as it stands in the channel. */
export function card(message, playground, openThread) {
  const { card: shown } = message;
  const press = (action, confirmed) => {
    openThread(message.thread || message.id);
    playground.press(message.id, action, confirmed);
  };
  return h("article", { class: "card", data: { status: shown.status }, aria: { label: `${shown.avatarName}, ${STATUS[shown.status]}` } },
    h("div", { class: "top" },
      h("div", { class: "picture" }, portrait(shown.avatarName, shown.picture)),
      h("div", { class: "facts" },
        nameplate(shown),
        h("p", { class: "sub" }, [MODES[shown.mode], ...(shown.traits ?? []), `started by ${shown.starterName}`].join(" · ")),
        h("p", { class: "note" }, shown.note),
        disclosed(shown.disclosure),
        ending(shown),
        meters(shown),
        kept(shown))),
    actions(shown, playground, press),
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
  for (const meter of document.querySelectorAll("[data-live-since]")) say(meter.lastElementChild, lived(meter.dataset.liveSince));
  for (const meter of document.querySelectorAll("[data-ends-at]")) {
    say(meter.lastElementChild, left(meter.dataset.endsAt));
    meter.classList.toggle("soon", until(meter.dataset.endsAt) < SOON);
  }
}

function left(endsAt) {
  return `${countdown(until(endsAt))} left`;
}

function lived(liveSince) {
  return `Live for ${countdown(since(liveSince))}`;
}

/** The stage above a thread: the same session, large and moving. */
export class Stage {
  #element;
  #playground;
  #drawn = "";

  constructor(element, playground) {
    this.#element = element;
    this.#playground = playground;
  }

  show(message, speaking) {
    if (!message) {
      this.#drawn = "";
      return fill(this.#element);
    }
    const { card: shown } = message;
    const drawn = JSON.stringify([message.id, shown, this.#playground.you.standing]);
    if (drawn !== this.#drawn) this.#draw(message);
    this.#drawn = drawn;
    this.#element.dataset.status = shown.status;
    this.#element.dataset.speaking = speaking && shown.status === "live";
    return this.#element;
  }

  #draw({ id, card: shown }) {
    const face = this.#sameFace(shown);
    const press = (action, confirmed) => this.#playground.press(id, action, confirmed);
    fill(this.#element, face, h("div", {}, nameplate(shown), h("p", { class: "note" }, shown.note), disclosed(shown.disclosure), ending(shown), meters(shown)), actions(shown, this.#playground, press));
  }

  #sameFace({ avatarName, picture }) {
    const kept = this.#element.querySelector(".face");
    if (kept?.dataset.of === `${avatarName} ${picture}`) return kept;
    const frame = portrait(avatarName, picture);
    frame.dataset.of = `${avatarName} ${picture}`;
    return frame;
  }
}
