/** Picture and sound as they come over the socket: taken apart, put in step, and acknowledged. */

import { Picture } from "./picture.js";
import { Quality } from "./quality.js";
import { Sound } from "./sound.js";

const HEADER = 24; // bytes
const ACKNOWLEDGE = 300; // milliseconds, well within the 700 after which the service takes a page to be behind
const BUSY = 5; // chunks that wait for the decoder: it cannot keep up

/** Whether this browser can, here: decoders exist in secure contexts only. */
export const plays = "VideoDecoder" in globalThis && "AudioWorkletNode" in globalThis;

/** `send(frame)` answers the server; `changed()` is called when `showing` or `silent` may have changed. */
export class Playback {
  #picture;
  #sound;
  #send;
  #taken = 0;
  #acknowledged = 0;
  #quality = new Quality();

  constructor(canvas, { send, changed }) {
    this.#send = send;
    this.#sound = new Sound(changed);
    this.#picture = new Picture(canvas, { clock: () => this.#sound.heard, broken: () => send({ type: "key" }), changed });
    setInterval(() => this.#acknowledge(), ACKNOWLEDGE);
  }

  /** Whether the avatar itself is on the canvas. */
  get showing() {
    return this.#picture.showing;
  }

  /** Whether there is a picture of the avatar on the canvas, be it an old one. */
  get drawn() {
    return this.#picture.drawn && !this.#picture.helpless;
  }

  /** The address of a small picture of the avatar; empty while it is not on the canvas. */
  get still() {
    return this.#picture.still;
  }

  /** Whether this browser cannot decode the picture. */
  get helpless() {
    return this.#picture.helpless;
  }

  /** Whether there is sound that waits for a tap. */
  get silent() {
    return this.#sound.blocked;
  }

  /** Whether there was a tap and nothing to be heard with. */
  get deaf() {
    return this.#sound.deaf;
  }

  /** From 0 to 1. */
  set volume(volume) {
    this.#sound.volume = volume;
  }

  /** How well it comes through: `good`, `fair`, `poor`, or nothing. */
  get quality() {
    return this.#quality.level();
  }

  unmute() {
    this.#sound.resume();
  }

  take(buffer) {
    const frame = unpack(buffer);
    this.#taken = frame.number;
    this.#quality.take(frame);
    (frame.picture ? this.#picture : this.#sound).take(frame);
  }

  /** On a new connection. */
  begin() {
    this.#taken = this.#acknowledged = 0;
    this.#quality.reset();
    this.cut();
  }

  /** The avatar has gone: what is left of it is its last picture. */
  cut() {
    this.#picture.cut();
  }

  #acknowledge() {
    if (this.#taken === this.#acknowledged || this.#picture.waiting > BUSY) return;
    this.#acknowledged = this.#taken;
    this.#send({ type: "ack", number: this.#taken });
  }
}

/** A binary frame, as `bot/web/viewer/wire.py` packs it. */
function unpack(buffer) {
  const view = new DataView(buffer);
  const flags = view.getUint8(3);
  return {
    picture: view.getUint8(1) === 0,
    codec: view.getUint8(2),
    key: Boolean(flags & 1),
    number: view.getUint32(4, true),
    pts: Number(view.getBigInt64(8, true)),
    rate: view.getUint16(16, true) * 100,
    channels: view.getUint16(18, true),
    data: new Uint8Array(buffer, HEADER),
  };
}
