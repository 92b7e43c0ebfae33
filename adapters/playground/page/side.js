/** The curtain on the left: channels, people, who I am. */

import { fill, h } from "/v/static/element.js";
import { icon } from "/v/static/icons.js";
import { likeness } from "./messages.js";

const at = (id) => document.getElementById(id);
const STANDINGS = { outsider: "guest", admin: "admin" };

export class Side {
  #playground;
  #seen = new Map();

  constructor(playground) {
    this.#playground = playground;
    for (const [id, name] of [["side-open", "menu"], ["side-close", "close"], ["theme", "theme"]]) at(id).append(icon(name));
    for (const [id, name] of [["add-channel", "plus"], ["second", "people"], ["guest", "people"]]) at(id).prepend(icon(name));
    at("side-open").addEventListener("click", () => this.#open(true));
    at("side-close").addEventListener("click", () => this.#open(false));
    at("side").addEventListener("keydown", (event) => event.key === "Escape" && this.#open(false));
    at("theme").addEventListener("click", toggleTheme);
    at("add-channel").addEventListener("click", () => this.#askForChannel());
    at("new-channel").addEventListener("submit", (event) => this.#addChannel(event));
    at("rename").addEventListener("submit", (event) => this.#rename(event));
    at("my-name").addEventListener("change", (event) => this.#rename(event));
  }

  showChannels() {
    const { channels, place } = this.#playground;
    this.#seen.set(place.channel, this.#newest(place.channel));
    fill(at("channels"), channels.map((name) => this.#channel(name, place.channel)));
    document.getElementById("channel-close").hidden = channels.length < 2;
  }

  showPeople() {
    const { people, you } = this.#playground;
    const order = [...people].sort((one, other) => Number(other.online ?? false) - Number(one.online ?? false));
    fill(at("people"), order.map((person) => h("li", { data: { online: Boolean(person.online) } },
      likeness({ name: person.name }), h("span", { class: "name", title: person.name }, person.id === you.id ? `${person.name} (you)` : person.name),
      h("small", {}, [STANDINGS[person.standing], person.online ? "" : "away"].filter(Boolean).join(", ")))));
    if (document.activeElement !== at("my-name")) at("my-name").value = you.name;
  }

  close() {
    this.#open(false);
  }

  #channel(name, current) {
    const live = [...this.#playground.messages.values()].some(({ channel, card }) => channel === name && card?.status === "live");
    const unread = name !== current && this.#newest(name) > (this.#seen.get(name) ?? "");
    return h("li", {}, h("a", { href: `#/${name}`, aria: name === current ? { current: "page" } : {} }, name,
      live ? h("span", { class: "live-here" }, "live") : unread && h("span", { class: "unread", role: "img", aria: { label: "unread" } })));
  }

  #newest(channel) {
    return [...this.#playground.messages.values()].reduce((id, message) => (message.channel === channel && message.id > id ? message.id : id), "");
  }

  #open(shown) {
    at("side").classList.toggle("shown", shown);
    if (shown) at("side-close").focus();
  }

  #askForChannel() {
    at("new-channel").hidden = false;
    at("new-channel-name").focus();
  }

  #addChannel(event) {
    event.preventDefault();
    const name = at("new-channel-name").value.trim();
    at("new-channel").reset();
    at("new-channel").hidden = true;
    if (!name) return;
    this.#playground.openChannel(name);
    location.hash = `#/${name}`;
  }

  #rename(event) {
    event.preventDefault();
    const name = at("my-name").value.trim();
    if (name && name !== this.#playground.you.name) this.#playground.rename(name);
    if (event.type === "submit") at("my-name").blur();
  }
}

/** Light or dark, remembered; until chosen the system decides. */
function toggleTheme() {
  const dark = getComputedStyle(document.documentElement).colorScheme === "dark" || (!document.documentElement.dataset.theme && matchMedia("(prefers-color-scheme: dark)").matches);
  document.documentElement.dataset.theme = dark ? "light" : "dark";
  localStorage.setItem("theme", document.documentElement.dataset.theme);
}
