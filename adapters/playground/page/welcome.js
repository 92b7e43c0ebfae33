/** What a channel shows before anything has happened in it: what this is, who could come, and how to begin. */

import { fill, h } from "/v/static/element.js";
import { portrait } from "/v/static/face.js";
import { icon } from "/v/static/icons.js";

const SHOWN = 6;

/**
 * `begin()` starts a line, and is missing for who may not start; `start(avatar)` brings one of those who are on offer, each
 * `{ value, label, picture }`.
 */
export function welcome(element, { begin, start }, avatars, notice) {
  const cast = avatars.slice(0, SHOWN).map((avatar) =>
    h("button", { type: "button", class: "who", onclick: () => start(avatar) }, portrait(avatar.label, avatar.picture), h("span", {}, avatar.label)));
  return fill(element,
    h("div", { class: "hero" },
      h("h2", {}, "Bring a talking avatar into your channel"),
      h("p", {}, "It listens in a thread, answers aloud, and what it says is written down as it speaks. This page works like Slack and Discord do, with nothing to install.")),
    cast.length > 0 && h("section", { class: "cast", aria: { label: "Avatars" } }, h("h3", {}, "Who shall come?"), h("div", { class: "faces" }, cast)),
    begin && h("button", { type: "button", class: "primary begin", onclick: begin }, icon("plus"), "Start an avatar"),
    h("ol", { class: "steps" },
      begin ? step("1. Start", cast.length ? "Pick somebody above, or type " : "Type ", "/avatar start", ".") : step("1. Wait", "A member starts an avatar; its card appears here.", "", ""),
      step("2. Talk", "Ask what it is, or what it costs. Press ", "Watch", " to see it speak."),
      step("3. Keep", "Type ", "/avatar transcript", " for everything that was said.")),
    notice && h("p", { class: "notice" }, notice));
}

function step(title, before, code, after) {
  return h("li", {}, h("b", {}, title), h("p", {}, before, code && h("code", {}, code), after));
}
