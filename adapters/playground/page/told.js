/** What only this person was told: an answer, a listing, a link, a file. */

import { h } from "/v/static/element.js";
import { portrait } from "/v/static/face.js";
import { icon } from "/v/static/icons.js";
import { fileLink } from "./messages.js";

export function told(frame, playground, dismiss) {
  const typed = playground.typedAs(frame.nonce);
  return h("li", { class: "told" },
    h("header", {},
      icon("lock"), "Only you see this", typed && h("code", {}, typed),
      h("button", { type: "button", class: "quiet icon", aria: { label: "Dismiss" }, onclick: dismiss }, icon("close"))),
    h("p", { class: "words" }, frame.text),
    frame.items.length > 0 && h("ul", { class: "items" }, frame.items.map((item) => row(item, (verb, options) => playground.pick(frame, verb, options)))),
    frame.link && h("a", { class: "open", href: frame.link.url, target: "_blank", rel: "noopener" }, icon("out"), frame.link.label),
    frame.file && fileLink(frame.file));
}

function row(item, pick) {
  return h("li", {},
    item.picture && portrait(item.title, item.picture),
    h("div", { class: "about-item" }, h("strong", {}, item.title), h("small", {}, item.detail),
      item.preview && h("a", { class: "preview", href: item.preview, target: "_blank", rel: "noopener noreferrer", aria: { label: `Preview of ${item.title}` } }, "Preview")),
    item.verb && h("button", { type: "button", aria: { label: `${verbLabel(item.verb)} ${item.title}` }, onclick: () => pick(item.verb, item.options ?? {}) }, verbLabel(item.verb)));
}

function verbLabel(verb) {
  const last = verb.split(" ").at(-1).replaceAll("-", " ");
  return last[0].toUpperCase() + last.slice(1);
}
