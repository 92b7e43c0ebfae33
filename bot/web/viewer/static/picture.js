/** Encoded pictures, decoded and drawn when the sound that belongs to them is heard. */

const VP8 = 1, H264 = 2, VP9 = 4, AV1 = 5;
const STRINGS = { [VP8]: "vp8", [VP9]: "vp09.00.30.08", [AV1]: "av01.0.04M.08" };
const SPS = 7; // what kind of H.264 unit names the profile
const MOST = 30; // decoded pictures that may wait
const STILL = 96; // pixels of a side
const TRIES = 3; // decoders that break without a picture, after which this browser cannot show it
const ASTRAY = 1_000_000; // µs between picture and sound, beyond which they are of different clocks

/** `clock()` is what is heard, in µs, or null; `broken()` is called when a key frame is needed, `changed()` with the first picture. */
export class Picture {
  #canvas;
  #context;
  #handlers;
  #decoder = null;
  #codec = 0;
  #frames = [];
  #drawing = 0;
  #failures = 0;
  showing = false; // pictures come
  drawn = false; // there is one on the canvas, however old

  constructor(canvas, handlers) {
    this.#canvas = canvas;
    this.#context = canvas.getContext("2d");
    this.#handlers = handlers;
  }

  /** Chunks that wait for the decoder. */
  get waiting() {
    return this.#decoder?.decodeQueueSize ?? 0;
  }

  /** The address of a small square of what is on the canvas; empty while nothing is. */
  get still() {
    if (!this.drawn) return "";
    const { width, height } = this.#canvas;
    const side = Math.min(width, height);
    const square = Object.assign(document.createElement("canvas"), { width: STILL, height: STILL });
    square.getContext("2d").drawImage(this.#canvas, (width - side) / 2, 0, side, side, 0, 0, STILL, STILL);
    return square.toDataURL("image/jpeg");
  }

  /** Whether this browser cannot decode what comes. Asking for more key frames would only burden the others. */
  get helpless() {
    return this.#failures >= TRIES;
  }

  take({ codec, key, pts, data }) {
    if (this.helpless) return;
    if (key && (codec !== this.#codec || !this.#decoder)) this.#begin(codec, data);
    try {
      this.#decoder?.decode(new EncodedVideoChunk({ type: key ? "key" : "delta", timestamp: pts, data }));
    } catch {
      this.#fail(this.#decoder); // what is flagged as a key frame and is none is thrown back at once
    }
  }

  /** Forget what waits, and leave the last picture until a key frame comes. */
  cut() {
    this.#end();
    this.#frames.splice(0).forEach((frame) => frame.close());
    this.#failures = 0;
    this.showing = false;
  }

  #begin(codec, data) {
    this.#end();
    const decoder = new VideoDecoder({ output: (frame) => this.#put(frame), error: () => this.#fail(decoder) });
    decoder.configure({ codec: codec === H264 ? profile(data) : STRINGS[codec], optimizeForLatency: true });
    [this.#decoder, this.#codec] = [decoder, codec];
  }

  #end() {
    if (this.#decoder?.state === "configured") this.#decoder.close();
    this.#decoder = null;
  }

  #fail(decoder) {
    if (decoder !== this.#decoder) return;
    this.#end();
    this.#failures += 1;
    if (this.helpless) this.#handlers.changed();
    else this.#handlers.broken();
  }

  #put(frame) {
    this.#failures = 0;
    this.#frames.push(frame);
    if (this.#frames.length > MOST) this.#frames.shift().close();
    this.#drawing ||= requestAnimationFrame(() => this.#draw());
  }

  #draw() {
    this.#drawing = 0;
    const due = this.#frames.findLastIndex((frame) => this.#due(frame));
    const passed = this.#frames.splice(0, due + 1);
    const frame = passed.pop();
    passed.forEach((late) => late.close());
    if (frame) this.#show(frame);
    if (this.#frames.length) this.#drawing = requestAnimationFrame(() => this.#draw());
  }

  #due(frame) {
    const now = this.#handlers.clock();
    return now === null || frame.timestamp <= now || frame.timestamp - now > ASTRAY;
  }

  #show(frame) {
    const { displayWidth: width, displayHeight: height } = frame;
    if (this.#canvas.width !== width || this.#canvas.height !== height) this.#fit(width, height);
    this.#context.drawImage(frame, 0, 0, width, height);
    frame.close();
    if (this.showing) return;
    this.showing = this.drawn = true;
    this.#handlers.changed();
  }

  #fit(width, height) {
    Object.assign(this.#canvas, { width, height });
    this.#canvas.parentElement.style.setProperty("--ratio", width / height);
  }
}

/** The codec string of an H.264 key frame in Annex-B: profile and level stand behind the start code of its SPS. */
function profile(data) {
  const at = data.findIndex((byte, i) => byte === 1 && !data[i - 1] && !data[i - 2] && (data[i + 1] & 31) === SPS);
  const named = at < 0 ? [0x42, 0xe0, 0x1e] : data.slice(at + 2, at + 5);
  return `avc1.${Array.from(named, (byte) => byte.toString(16).padStart(2, "0")).join("")}`;
}
