/** What one does with the picture and the sound: louder, silent, as large as the screen, in a corner of it. */

import { fill } from "./element.js";
import { icon } from "./icons.js";

const FRAMES = 25; // a second, in the corner
const KEPT = "avatarbot-volume";

const at = (id) => document.getElementById(id);

export class Controls {
  #playback;
  #volume = remembered();
  #muted = false;
  #video = null;

  constructor(playback) {
    this.#playback = playback;
    at("volume").value = this.#volume;
    at("volume").addEventListener("input", ({ target }) => this.#set(Number(target.value), false));
    at("mute").addEventListener("click", () => this.#set(this.#volume || 1, !this.#muted));
    at("full").addEventListener("click", () => this.#toggleFull());
    at("inset").addEventListener("click", () => this.#toggleInset());
    document.addEventListener("fullscreenchange", () => this.draw());
    fill(at("full"), icon("full"));
    fill(at("inset"), icon("inset"));
    this.#set(this.#volume, false);
  }

  draw() {
    at("controls").hidden = !this.#playback.drawn;
    at("full").hidden = !document.fullscreenEnabled;
    at("inset").hidden = !document.pictureInPictureEnabled;
    const silent = this.#muted || !this.#volume;
    if (at("mute").dataset.silent !== String(silent)) fill(at("mute"), icon(silent ? "muted" : "heard"));
    at("mute").dataset.silent = silent;
    at("mute").setAttribute("aria-label", silent ? "Unmute" : "Mute");
    at("full").setAttribute("aria-label", document.fullscreenElement ? "Leave full screen" : "Full screen");
  }

  #set(volume, muted) {
    [this.#volume, this.#muted] = [volume, muted];
    at("volume").value = muted ? 0 : volume;
    this.#playback.volume = muted ? 0 : volume;
    remember(volume);
    this.draw();
  }

  #toggleFull() {
    if (document.fullscreenElement) document.exitFullscreen();
    else at("stage").requestFullscreen();
  }

  async #toggleInset() {
    if (document.pictureInPictureElement) return void document.exitPictureInPicture();
    this.#video ??= Object.assign(document.createElement("video"), { muted: true, playsInline: true });
    this.#video.srcObject = at("canvas").captureStream(FRAMES);
    this.#video.addEventListener("leavepictureinpicture", () => (this.#video.srcObject = null), { once: true });
    try {
      await this.#video.play();
      await this.#video.requestPictureInPicture();
    } catch {
      this.#video.srcObject = null; // the browser allows none here
    }
  }
}

/** In a sandboxed frame there is no storage. */
function remembered() {
  try {
    return Math.min(1, Math.max(0, Number(localStorage.getItem(KEPT) ?? 1)));
  } catch {
    return 1;
  }
}

function remember(volume) {
  try {
    localStorage.setItem(KEPT, volume);
  } catch {
    return; // it lasts as long as the page
  }
}
