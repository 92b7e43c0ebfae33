/** What a channel shows before anything has happened in it: what this is, and how to begin. */

import { fill, h } from "/v/static/element.js";
import { portrait } from "/v/static/face.js";
import { icon } from "/v/static/icons.js";

const CAST = ["Alex", "Mei", "Rosa"];

export function welcome(element, begin) {
  const cast = h("div", { class: "cast" }, CAST.map((name) => portrait(name)));
  return fill(element,
    h("div", { class: "hero" }, cast,
      h("div", {}, h("h2", {}, "Bring a talking avatar into your channel"),
        h("p", {}, "It listens in a thread, answers aloud, and what it says is written down as it speaks. This page works like Slack and Discord do, with nothing to install."),
        h("button", { type: "button", class: "primary", onclick: begin }, icon("plus"), "Start an avatar"))),
    h("ol", { class: "steps" },
      step("1. Start", "Type ", "/avatar start", " and pick who comes."),
      step("2. Talk", "Write in the thread of its card. Press ", "Watch", " to see it speak."),
      step("3. Keep", "Type ", "/avatar transcript", " for everything that was said.")));
}

function step(title, before, code, after) {
  return h("li", {}, h("b", {}, title), h("p", {}, before, h("code", {}, code), after));
}
