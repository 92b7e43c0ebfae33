/** Buttons that the core gave a word, a look and perhaps a question. */

import { fill, h } from "/v/static/element.js";
import { icon } from "/v/static/icons.js";

const GLYPHS = new Set(["watch", "interrupt", "extend", "stop", "transcript", "start"]);

/** A button that calls `run(confirmed)`: at once, or when its question was answered with yes. `about` is for screen readers. */
export function button({ label, look = "plain", question = "", action = "" }, run, about = "") {
  const press = async () => {
    if (!question) return run(false);
    if (await asked(question, label)) run(true);
  };
  return h("button", { type: "button", class: look, data: action ? { action } : {}, aria: about ? { label: about } : {}, onclick: press },
    GLYPHS.has(action) && icon(action), label);
}

/** Ask before what cannot be undone; true when `yes` was pressed. */
export function asked(question, yes) {
  const dialog = document.getElementById("asking");
  const choose = (value) => () => dialog.close(value);
  fill(dialog, h("p", { id: "asking-what" }, question),
    h("div", { class: "answers" },
      h("button", { type: "button", autofocus: true, onclick: choose("") }, "Cancel"),
      h("button", { type: "button", class: "danger-filled", onclick: choose("yes") }, yes)));
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise((resolve) => dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"), { once: true }));
}
