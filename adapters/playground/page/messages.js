/** The messages of one place, kept in step with what is known: an element for each, changed only when its message did. */

import { dayOf, longTime, shortTime } from "/v/static/clock.js";
import { h } from "/v/static/element.js";
import { hash, portrait } from "/v/static/face.js";
import { icon } from "/v/static/icons.js";
import { card, disclosed } from "./card.js";
import { told } from "./told.js";

const SHOWN = 400; // the newest; older ones are not drawn
const TOGETHER = 5 * 60 * 1_000_000; // microseconds within which the same author goes on
const MARGIN = 10; // pixels above and below what was brought into view
const NEAR = 80; // pixels from the end that still count as reading along
const ADDRESS = /(https?:\/\/[^\s<>"]+[^\s<>".,;:!?)])/;

export class Messages {
  #playground;
  #list;
  #scroller;
  #callbacks;
  #drawn = new Map();
  #place = "";
  #reading = true; // along with what is said

  constructor(playground, list, scroller, callbacks) {
    this.#playground = playground;
    this.#list = list;
    this.#scroller = scroller;
    this.#callbacks = callbacks;
    scroller.addEventListener("scroll", () => (this.#reading = this.#atEnd()), { passive: true });
    const grown = new ResizeObserver(() => this.#reading && this.#follow()); // also when a picture has come
    grown.observe(scroller);
    grown.observe(list);
  }

  /** Bring the list in step with a place. */
  show(channel, thread) {
    const follow = this.#place !== `${channel}/${thread}` || this.#reading;
    this.#place = `${channel}/${thread}`;
    const items = this.#items(channel, thread);
    const elements = items.flatMap((item, index) => this.#elements(item, items[index - 1]));
    this.#reconcile(elements);
    if (follow && items.length) this.#follow();
    return items.length;
  }

  /** Bring what only I was told into view: its head when it is longer than the view, else all of it. */
  reveal(id) {
    const element = this.#drawn.get(id)?.element;
    if (!element?.isConnected) return;
    const [shown, view] = [element.getBoundingClientRect(), this.#scroller.getBoundingClientRect()];
    const [above, below] = [shown.top - MARGIN - view.top, shown.bottom + MARGIN - view.bottom];
    this.#scroller.scrollTop += shown.height + 2 * MARGIN > view.height || above < 0 ? above : Math.max(0, below);
    this.#reading = this.#atEnd();
  }

  /** Read along again from the end: something of mine comes there. */
  follow() {
    this.#reading = true;
    this.#follow();
  }

  #items(channel, thread) {
    const here = (told) => told.channel === channel && told.thread === thread;
    const answers = this.#playground.told.filter(here).map((told) => ({ told, order: told.after && `${told.after}~` }));
    const messages = this.#playground.within(channel, thread).slice(-SHOWN).map((message) => ({ message, order: message.id }));
    return [...messages, ...answers].sort((one, other) => (one.order < other.order ? -1 : 1));
  }

  #elements(item, before) {
    const { message } = item;
    if (!message) return [this.#kept(item.told.id, "", () => told(item.told, this.#playground, () => this.#playground.dismiss(item.told)))];
    const day = dayOf(when(message));
    const follows = continues(message, before?.message);
    const version = `${message.seq ?? ""} ${follows} ${message.text} ${message.card ? this.#replies(message) : ""}`;
    const element = this.#kept(message.pending ? message.nonce : message.id, version, () => this.#draw(message, follows));
    if (before?.message && dayOf(when(before.message)) === day) return [element];
    return before?.told ? [element] : [this.#kept(`day ${day}`, "", () => h("li", { class: "day" }, day)), element];
  }

  /** The picture of who speaks in a thread, if they are on its card. */
  #picture({ author, thread }) {
    const card = author.kind === "avatar" && this.#playground.cardOf(thread)?.card;
    return card && card.avatarName === author.name ? card.picture : "";
  }

  #replies(message) {
    const replies = this.#playground.within(message.channel, message.id);
    return `${replies.length} ${replies.at(-1)?.text ?? ""}`;
  }

  #kept(key, version, draw) {
    const kept = this.#drawn.get(key);
    if (kept?.version === version) return kept.element;
    const element = draw();
    this.#drawn.set(key, { version, element });
    return element;
  }

  #draw(message, follows) {
    const kind = message.author.kind ?? "person";
    const classes = ["message", follows && "follows", message.growing && "growing", message.pending && "pending"];
    return h("li", { class: classes.filter(Boolean).join(" "), data: { kind, id: message.id } },
      h("div", { class: "portrait" }, likeness(message.author, this.#picture(message))),
      byline(message),
      message.card
        ? h("div", { class: "card-holder" }, card(message, this.#playground, this.#callbacks.openThread))
        : h("div", { class: "body" }, words(message, this.#playground.people), message.edited && h("span", { class: "edited" }, " (edited)")),
      !message.card && disclosed(message.disclosure),
      message.file && fileLink(message.file),
      message.heard && h("p", { class: "heard" }, icon("heard"), "Spoken"),
      message.author.id === this.#playground.you.id && !message.pending && this.#tools(message));
  }

  #tools(message) {
    return h("div", { class: "tools" },
      h("button", { type: "button", class: "quiet icon", aria: { label: "Edit this message" }, onclick: () => this.#callbacks.edit(message) }, icon("edit")),
      h("button", { type: "button", class: "quiet icon", aria: { label: "Delete this message" }, onclick: () => this.#playground.withdraw(message.id) }, icon("bin")));
  }

  #reconcile(elements) {
    elements.forEach((element, index) => {
      const there = this.#list.children[index];
      if (there !== element) this.#list.insertBefore(element, there ?? null);
    });
    while (this.#list.children.length > elements.length) this.#list.lastElementChild.remove();
  }

  #follow() {
    if (this.#list.children.length) this.#scroller.scrollTop = this.#scroller.scrollHeight;
  }

  #atEnd() {
    const { scrollHeight, scrollTop, clientHeight } = this.#scroller;
    return scrollHeight - scrollTop - clientHeight < NEAR;
  }
}

/** The picture of an author: a face for an avatar, a letter for a person, our sign for the bot. */
export function likeness({ kind = "person", name }, picture = "") {
  if (kind === "avatar") return portrait(name, picture);
  if (kind === "bot") return h("div", { class: "face" }, h("img", { src: "/v/static/icon.svg", alt: "" }));
  return h("div", { class: "chip", data: { hue: hash(name) % 6 }, aria: { hidden: "true" } }, [...name][0]?.toUpperCase());
}

function byline(message) {
  const at = when(message);
  const badge = { avatar: "Avatar", bot: "App" }[message.author.kind];
  return h("div", { class: "byline" },
    h("strong", {}, message.author.name),
    message.to && h("span", { class: "to" }, `to ${message.to}`),
    badge && h("span", { class: "badge" }, badge),
    h("time", { datetime: at.toISOString(), title: longTime(at) }, shortTime(at)));
}

/** Text with its addresses as links; only people named in `mentions` are marked. */
function words(message, people) {
  const mentioned = people.filter((person) => message.mentions?.includes(person.id)).map((person) => `@${person.name}`);
  return message.text.split(ADDRESS).flatMap((part, index) => {
    if (index % 2) return [h("a", { href: part, target: "_blank", rel: "noopener noreferrer" }, part)];
    const name = mentioned.find((each) => part.startsWith(each));
    return name ? [h("span", { class: "mention" }, name), part.slice(name.length)] : [part];
  });
}

const PICTURE = /\.(png|jpe?g|gif|webp)$/i;

/** Something to take along; a picture is shown as well. */
export function fileLink({ name, url, size, alt = "" }) {
  if (PICTURE.test(name)) return h("a", { class: "file picture", href: url, download: name }, h("img", { src: url, alt: alt || name }));
  return h("a", { class: "file", href: url, download: name }, icon("file"), h("span", {}, h("strong", {}, name), h("small", {}, bytes(size))));
}

function bytes(size) {
  return size < 1024 ? `${size} bytes` : `${(size / 1024).toFixed(size < 10_240 ? 1 : 0)} kB`;
}

function when(message) {
  return new Date(Number(message.id) / 1000);
}

function continues(message, before) {
  if (!before || message.card || before.card || before.author.id !== message.author.id) return false;
  return before.author.name === message.author.name && Number(message.id) - Number(before.id) < TOGETHER;
}
