/** Makes of a microphone's sound what is sent: 16 kHz, one channel, 16 bit, in pieces of 20 ms, on the audio thread. */

const RATE = 16000;
const PIECE = 320; // samples
const CROSSINGS = 24; // of the filter's sinc, on each side
const PASSED = 0.45; // of the rate that is made: what is above is left out, or it would come back as a lower tone

const divisor = (a, b) => (b ? divisor(b, a % b) : a);

/** From any rate to `RATE`, by a windowed sinc for each of the places at which a sample can fall between two others. */
export class Resampler {
  #step; // samples of the source from one of ours to the next, in `#phases`ths
  #phases;
  #half;
  #taps = [];
  #kept = new Float32Array(0);
  #at; // in `#phases`ths of a sample of the source, from the first that is kept

  constructor(rate) {
    const common = divisor(rate, RATE);
    [this.#step, this.#phases] = [rate / common, RATE / common];
    this.#half = Math.ceil((CROSSINGS * Math.max(rate, RATE)) / RATE);
    this.#at = this.#half * this.#phases;
    const cut = 2 * PASSED * Math.min(1, RATE / rate);
    for (let phase = 0; phase < this.#phases; phase++) this.#taps.push(this.#filter(cut, phase / this.#phases));
  }

  /** The samples that can be made, with what came before. */
  take(samples) {
    const source = new Float32Array(this.#kept.length + samples.length);
    source.set(this.#kept);
    source.set(samples, this.#kept.length);
    const made = [];
    while (this.#at / this.#phases + this.#half < source.length) {
      made.push(this.#sample(source));
      this.#at += this.#step;
    }
    const used = Math.max(0, Math.floor(this.#at / this.#phases) - this.#half);
    this.#kept = source.slice(used);
    this.#at -= used * this.#phases;
    return made;
  }

  #sample(source) {
    const first = Math.floor(this.#at / this.#phases) - this.#half;
    const taps = this.#taps[this.#at % this.#phases];
    let sum = 0;
    for (let tap = 0; tap < taps.length; tap++) sum += taps[tap] * source[first + tap];
    return sum;
  }

  #filter(cut, fraction) {
    const taps = Float32Array.from({ length: 2 * this.#half + 1 }, (_, tap) => {
      const x = tap - this.#half - fraction;
      const window = 0.5 + 0.5 * Math.cos(Math.PI * Math.max(-1, Math.min(1, x / (this.#half + 1))));
      const wave = Math.PI * cut * x;
      return cut * (Math.abs(wave) < 1e-9 ? 1 : Math.sin(wave) / wave) * window;
    });
    const whole = taps.reduce((sum, tap) => sum + tap, 0);
    return taps.map((tap) => tap / whole);
  }
}

class Capture extends AudioWorkletProcessor {
  #resampler = new Resampler(sampleRate);
  #piece = new Int16Array(PIECE);
  #filled = 0;

  process([channels]) {
    if (!channels.length) return true; // the microphone is not connected any more, or not yet
    for (const sample of this.#resampler.take(mixed(channels))) {
      this.#piece[this.#filled++] = Math.max(-1, Math.min(1, sample)) * 32767;
      if (this.#filled === PIECE) this.#send();
    }
    return true;
  }

  #send() {
    this.port.postMessage(this.#piece.buffer, [this.#piece.buffer]);
    this.#piece = new Int16Array(PIECE);
    this.#filled = 0;
  }
}

function mixed(channels) {
  if (channels.length === 1) return channels[0];
  return channels[0].map((_, at) => channels.reduce((sum, channel) => sum + channel[at], 0) / channels.length);
}

registerProcessor("capture", Capture);
