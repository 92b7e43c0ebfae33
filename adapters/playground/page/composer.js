/** Where one writes: a box that grows, and above it what could come next in a command. */

import { fill, h, say } from "/v/static/element.js";
import { portrait } from "/v/static/face.js";
import { icon } from "/v/static/icons.js";
import { isCommand, quoted, read, verbOffers } from "./completion.js";

const PAUSE = 70; // milliseconds without typing before values are asked for
let count = 0;

export class Composer {
  #playground;
  #place;
  #before;
  #offers = [];
  #chosen = -1;
  #offeredFor = "";
  #awaited = null;
  #picked = {};
  #editing = null;
  #asked = 0;
  #timer = 0;

  /** `place()` says where what is written goes; `before` is called with the text before it is sent. */
  constructor(element, playground, place, before = () => {}) {
    this.#playground = playground;
    this.#place = place;
    this.#before = before;
    this.#build(element, `offers-${++count}`);
  }

  set placeholder(text) {
    this.box.placeholder = text;
    this.box.setAttribute("aria-label", text);
  }

  /** Begin a line for somebody. */
  begin(text) {
    this.box.value = text;
    this.box.focus();
    this.#look();
  }

  edit(message) {
    this.#editing = message;
    this.#banner.hidden = false;
    this.begin(message.text);
  }

  // ------------------------------------------------ building

  #build(element, id) {
    this.box = h("textarea", {
      rows: 1, id: `${id}-box`, autocomplete: "off", enterkeyhint: "send", maxlength: 8000,
      aria: { autocomplete: "list", controls: id, haspopup: "listbox" }, // a textarea may not be a combobox
      oninput: () => this.#look(), onkeydown: (event) => this.#key(event),
      onblur: () => setTimeout(() => element.contains(document.activeElement) || this.#close(), 120),
      onfocus: () => this.#look(),
    });
    this.list = h("div", { class: "offers", id, role: "listbox", hidden: true, tabindex: 0, aria: { label: "Suggestions" } });
    this.#banner = h("p", { class: "editing", hidden: true }, "Editing your message",
      h("button", { type: "button", class: "quiet icon", aria: { label: "Stop editing" }, onclick: () => this.#stopEditing() }, icon("close")));
    this.#hint = h("p", { class: "hint" }, h("span", {}, h("kbd", {}, "/"), " for commands"), h("span", {}, h("kbd", {}, "Enter"), " sends, ", h("kbd", {}, "Shift Enter"), " breaks the line"));
    const form = h("form", { onsubmit: (event) => this.#submit(event) }, this.#banner, this.box,
      h("button", { class: "primary send", aria: { label: "Send" } }, icon("send")));
    this.#counted = h("p", { class: "unseen", role: "status" });
    fill(element, this.list, form, this.#hint, this.#counted);
  }

  #banner;
  #hint;
  #counted;

  // ------------------------------------------------ keys

  #key(event) {
    if (event.isComposing) return;
    const key = event.key;
    if (key === "ArrowDown" || key === "ArrowUp") return this.#step(event, key === "ArrowDown" ? 1 : -1);
    const fresh = this.#offers.length > 0 && this.#offeredFor === this.box.value; // what was offered for another line is not taken
    if (key === "Tab" && !event.shiftKey && fresh) return this.#accept(event, Math.max(0, this.#chosen));
    if (key === "Tab" && !event.shiftKey && this.#offers.length) return this.#acceptWhenItComes(event);
    if (key === "Enter" && !event.shiftKey) return fresh && this.#chosen >= 0 ? this.#accept(event, this.#chosen) : this.#submit(event);
    if (key === "Escape") this.#dismiss(event);
  }

  #dismiss(event) {
    const offered = this.#offers.length > 0;
    if (offered || this.#editing) event.stopPropagation();
    offered || !this.#editing ? this.#close() : this.#stopEditing(); // what is still on its way is not wanted either
  }

  #step(event, by) {
    if (!this.#offers.length) return;
    event.preventDefault();
    const next = this.#chosen < 0 && by < 0 ? this.#offers.length - 1 : this.#chosen + by;
    this.#choose((next + this.#offers.length) % this.#offers.length);
  }

  /** Typed faster than offers come: the first of those for this line is taken, when it has come. */
  #acceptWhenItComes(event) {
    event.preventDefault();
    this.#awaited = this.box.value;
  }

  #accept(event, index) {
    event.preventDefault();
    this.#offers[index].take();
  }

  // ------------------------------------------------ offers

  #look() {
    this.box.rows = Math.min(8, this.box.value.split("\n").length);
    clearTimeout(this.#timer);
    const line = this.box.value;
    const found = this.#editing ? null : read(line, this.#playground.verbs);
    if (!found) return this.#close();
    if (found.stage === "verb") return this.#offerVerbs(found);
    const option = found.stage === "value" ? found.option : found.first;
    const names = found.stage === "option" ? this.#optionOffers(found) : [];
    if (!option || (!option.choices?.length && !option.asks)) return this.#offer(names, found.verb.summary, -1);
    if (!option.asks) return this.#offer(this.#choiceOffers(found, option), option.summary, found.typed ? 0 : -1, names);
    this.#timer = setTimeout(() => this.#ask(found, option, names), PAUSE);
  }

  async #ask(found, option, names) {
    const asked = ++this.#asked;
    const line = this.box.value;
    const choices = await this.#playground.look(this.#place(), found.verb.name, option.name, found.typed);
    if (asked !== this.#asked || line !== this.box.value) return;
    const values = choices.map((choice) => this.#valueOffer(found, option, choice));
    this.#offer(values, option.summary, found.typed && values.length ? 0 : -1, names);
  }

  #offerVerbs({ typed, start }) {
    const verbs = verbOffers(typed, this.#playground.verbs);
    const whole = verbs[0]?.name === typed.trim().toLowerCase() && !verbs[0].options?.some(({ required }) => required);
    const offers = verbs.map((verb) => ({
      element: [h("code", {}, `/avatar ${verb.name}`), h("small", {}, verb.summary)],
      take: () => this.#replace(0, `/avatar ${verb.name} `),
    }));
    this.#offer(offers, "Commands", offers.length && !whole && (typed || start === 0) ? 0 : -1); // Enter sends what is whole
  }

  #optionOffers({ free, first, typed, start }) {
    return free.filter((option) => option !== first && option.name.startsWith(typed.toLowerCase())).map((option) => ({
      element: [h("code", {}, `${option.name}:`), h("small", {}, option.summary), option.required && h("span", { class: "required" }, "needed")],
      take: () => this.#replace(start, `${option.name}:`),
    }));
  }

  #choiceOffers(found, option) {
    const fitting = option.choices.filter((value) => value.startsWith(found.typed.toLowerCase()));
    return fitting.map((value) => ({
      element: [h("strong", {}, value), h("small", {}, option.name)],
      take: () => this.#replace(found.start, `${option.name}:${value} `),
    }));
  }

  #valueOffer(found, option, { value, label, detail = "", picture = "" }) {
    const pictured = option.name === "avatar";
    return {
      element: [pictured && portrait(label, picture), h("strong", {}, label), h("small", {}, detail || option.name)],
      take: () => {
        this.#picked[option.name] = { value, label };
        this.#replace(found.start, `${option.name}:${quoted(label)} `);
      },
    };
  }

  #replace(start, text) {
    this.box.setRangeText(text, start, this.box.value.length, "end");
    this.box.focus();
    this.#look();
  }

  #offer(offers, title, chosen, more = []) {
    this.#offers = [...offers, ...more];
    this.#offeredFor = this.box.value;
    if (!this.#offers.length) return this.#close();
    const elements = this.#offers.map((offer, index) => h("div", {
      class: "offer", role: "option", id: `${this.list.id}-${index}`, aria: { selected: "false" },
      onpointerdown: (event) => this.#accept(event, index),
    }, offer.element));
    const heading = (words) => h("p", { class: "title", aria: { hidden: "true" } }, words);
    fill(this.list, offers.length > 0 && heading(title), elements.slice(0, offers.length), more.length > 0 && heading("More to set"), elements.slice(offers.length));
    this.list.hidden = false;
    if (this.#awaited === this.box.value) {
      this.#awaited = null;
      return this.#offers[0].take();
    }
    say(this.#counted, this.#offers.length === 1 ? "1 suggestion" : `${this.#offers.length} suggestions`);
    this.#choose(chosen);
  }

  #choose(index) {
    this.#chosen = index;
    [...this.list.querySelectorAll(".offer")].forEach((offer, at) => offer.setAttribute("aria-selected", at === index));
    const chosen = index >= 0 ? document.getElementById(`${this.list.id}-${index}`) : null;
    if (chosen) this.box.setAttribute("aria-activedescendant", chosen.id);
    else this.box.removeAttribute("aria-activedescendant");
    chosen?.scrollIntoView({ block: "nearest" });
  }

  #close() {
    clearTimeout(this.#timer);
    this.#asked += 1; // what is on its way comes too late
    this.#offers = [];
    this.#awaited = null;
    this.#chosen = -1;
    this.list.hidden = true;
    say(this.#counted, "");
    this.box.removeAttribute("aria-activedescendant");
  }

  // ------------------------------------------------ sending

  #submit(event) {
    event.preventDefault();
    const text = this.box.value.trim();
    if (!text) return;
    if (isCommand(text) && text.endsWith(" ?")) return this.begin(text.slice(0, -1)); // what could be set is offered here
    this.#before(text);
    if (this.#editing) this.#playground.rewrite(this.#editing.id, text);
    else if (isCommand(text)) this.#playground.run(this.#place(), text, this.#values(text));
    else this.#playground.write(this.#place(), text);
    this.box.value = "";
    this.#picked = {};
    this.#stopEditing();
    this.#look();
  }

  /** The values behind labels that still stand in the line. */
  #values(text) {
    const standing = Object.entries(this.#picked).filter(([name, { label }]) => text.includes(`${name}:${quoted(label)}`));
    return Object.fromEntries(standing.map(([name, { value }]) => [name, value]));
  }

  #stopEditing() {
    if (this.#editing) this.box.value = "";
    this.#editing = null;
    this.#banner.hidden = true;
    this.#close();
  }
}
