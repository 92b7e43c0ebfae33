/** Plays a voice on the audio thread, and tells what is heard. */

const HAND = 0.06; // seconds
const LOOK = 2; // seconds between two looks at how much was never needed
const TELL = 8; // blocks of 128 samples

/** Samples on their way to the ear: enough in hand to bridge an uneven network, and not more for long. */
class Jitter {
  #rate;
  #chunks = [];
  #played = 0; // samples of the first chunk
  #fill = 0; // samples
  #going = false;
  #least = Infinity;
  #looked = 0; // samples since the last look

  constructor(rate) {
    this.#rate = rate;
  }

  /** The presentation time of the next sample in µs; null while nothing plays. */
  get pts() {
    return this.#going && this.#chunks.length ? this.#chunks[0].pts + (this.#played / this.#rate) * 1e6 : null;
  }

  put(chunk) {
    this.#chunks.push(chunk);
    this.#fill += chunk.samples.length;
  }

  /** Fill `out`, with silence where there is nothing: after an underrun it waits until there is enough in hand again. */
  play(out) {
    this.#going ||= this.#fill >= HAND * this.#rate;
    if (!this.#going) return;
    for (let at = 0; at < out.length && this.#fill; ) at += this.#copy(out, at);
    this.#going = this.#fill > 0;
    this.#look(out.length);
  }

  #copy(out, at) {
    const { samples } = this.#chunks[0];
    const part = samples.subarray(this.#played, this.#played + out.length - at);
    out.set(part, at);
    this.#drop(part.length);
    return part.length;
  }

  #drop(count) {
    this.#fill -= count;
    this.#played += count;
    while (this.#chunks.length && this.#played >= this.#chunks[0].samples.length) this.#played -= this.#chunks.shift().samples.length;
  }

  /** What was more than enough all the time is delay that an underrun has left behind. */
  #look(played) {
    this.#least = Math.min(this.#least, this.#fill);
    this.#looked += played;
    if (this.#looked < LOOK * this.#rate) return;
    this.#drop(Math.max(0, Math.floor(this.#least - HAND * this.#rate)));
    [this.#least, this.#looked] = [Infinity, 0];
  }
}

class Voice extends AudioWorkletProcessor {
  #jitter = new Jitter(sampleRate);
  #blocks = 0;

  constructor() {
    super();
    this.port.onmessage = ({ data }) => this.#jitter.put(data);
  }

  process(_inputs, [[out]]) {
    const { pts } = this.#jitter;
    this.#jitter.play(out);
    if (pts !== null && this.#blocks++ % TELL === 0) this.port.postMessage({ pts, at: currentTime });
    return true;
  }
}

registerProcessor("voice", Voice);
