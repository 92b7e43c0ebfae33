/** What only this person was told: an answer, a listing, a link, a file. */

import { countdown, until } from "/v/static/clock.js";
import { h } from "/v/static/element.js";
import { portrait } from "/v/static/face.js";
import { icon } from "/v/static/icons.js";
import { button } from "./buttons.js";
import { STATUS } from "./card.js";
import { fileLink } from "./messages.js";

export function told(frame, playground, dismiss) {
  const typed = playground.typedAs(frame.nonce);
  const run = (of) => (confirmed) => playground.pick(frame, of.verb, of.options ?? {}, confirmed);
  return h("li", { class: "told", data: { id: frame.id } },
    h("header", {},
      icon("lock"), "Only you see this", typed && h("code", {}, typed),
      h("button", { type: "button", class: "quiet icon", aria: { label: "Dismiss" }, onclick: dismiss }, icon("close"))),
    frame.text && h("p", { class: "words" }, frame.text),
    frame.sections?.map(section),
    frame.items.length > 0 && h("ul", { class: "items" }, frame.items.map((item) => row(item, run))),
    frame.next && h("p", { class: "further" }, button(frame.next, run(frame.next))),
    frame.link && h("a", { class: "open", href: frame.link.url, target: "_blank", rel: "noopener" }, icon("out"), frame.link.label),
    frame.file && fileLink(frame.file));
}

function section({ title, lines }) {
  return h("section", {}, h("h4", {}, title), h("p", { class: "lines" }, lines.flatMap((line, n) => [n ? "\n" : "", ...inCode(line)])));
}

/** What is typed stands in code style: the command before the colon. */
function inCode(line) {
  const [, typed, rest] = /^(\/[^:]+)(:.*)$/s.exec(line) ?? [];
  return typed ? [h("code", {}, typed), rest] : [line];
}

function row(item, run) {
  const { title, detail = "", picture = "", preview = "", status = "", starterName = "", endsAt = "" } = item;
  const facts = [starterName && `started by ${starterName}`, endsAt && `ends in ${countdown(until(endsAt))}`, detail].filter(Boolean);
  return h("li", {},
    picture && portrait(title, picture),
    h("div", { class: "about-item" },
      h("div", { class: "item-head" }, h("strong", {}, title), status && h("span", { class: "pill", data: { status } }, STATUS[status])),
      facts.length > 0 && h("small", {}, facts.join(" · ")),
      preview && h("a", { class: "preview", href: preview, target: "_blank", rel: "noopener noreferrer", aria: { label: `Preview of ${title}` } }, "Preview")),
    item.button && button(item.button, run(item.button), `${item.button.label} ${title}`));
}
