/** Somebody's microphone, open only while it is wanted. */

const WANTED = { audio: { echoCancellation: true, noiseSuppression: true, autoGainControl: true, channelCount: 1 } };

/** Whether there can be one: browsers give it to secure pages only. */
export const hasMicrophone = Boolean(navigator.mediaDevices?.getUserMedia) && "AudioWorkletNode" in globalThis;

const REFUSED = {
  NotAllowedError: "The microphone is not allowed. Allow it beside the address of this page, then press again.",
  NotFoundError: "No microphone was found. Connect one, then press again.",
  NotReadableError: "Another program is using the microphone. Close it there, then press again.",
};
export const INSECURE = "Speaking aloud needs https: this page was opened without.";

export class Microphone {
  #handlers;
  #context = null;
  #stream = null;
  #opening = null;
  #closed = 0; // how many times: a browser may ask for long, and nobody wants it any more

  /** `taken(buffer)` is called with every 20 ms of sound, `ended()` when somebody else switched it off: the browser, or a cable. */
  constructor(handlers) {
    this.#handlers = handlers;
  }

  /** Open it, if it is not. Throws an `Error` with the sentence to show. */
  async open() {
    const opening = (this.#opening ??= this.#open());
    try {
      await opening;
    } catch (error) {
      if (this.#opening !== opening) return;
      this.close();
      throw new Error(REFUSED[error.name] ?? "The microphone could not be opened. Please try again.", { cause: error });
    }
  }

  close() {
    this.#closed++;
    if (this.#stream) stop(this.#stream);
    this.#context?.close();
    [this.#stream, this.#context, this.#opening] = [null, null, null];
  }

  async #open() {
    const closed = this.#closed;
    const stream = await navigator.mediaDevices.getUserMedia(WANTED);
    if (closed !== this.#closed) return stop(stream);
    this.#stream = stream;
    for (const track of stream.getTracks()) track.addEventListener("ended", () => this.#handlers.ended());
    const context = new AudioContext({ latencyHint: "interactive" });
    this.#context = context;
    await context.audioWorklet.addModule("/v/static/capture.js");
    if (closed !== this.#closed) return;
    const capture = new AudioWorkletNode(context, "capture", { numberOfOutputs: 1, channelCountMode: "max" });
    capture.port.onmessage = ({ data }) => this.#context === context && this.#handlers.taken(data);
    context.createMediaStreamSource(stream).connect(capture);
    capture.connect(context.destination); // silent, and without it nothing is asked of a node
    await context.resume();
  }
}

function stop(stream) {
  for (const track of stream.getTracks()) track.stop();
}

/** How loud 20 ms are, from 0 to 1. */
export function loudness(buffer) {
  const samples = new Int16Array(buffer);
  let sum = 0;
  for (const sample of samples) sum += sample * sample;
  return Math.min(1, (Math.sqrt(sum / samples.length) / 32768) * 6);
}
