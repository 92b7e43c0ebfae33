/** The avatar's voice. A browser plays nothing before a tap; until then what comes is thrown away. */

const NO_DEVICE = 2000; // milliseconds after a tap in which sound begins, where there is anything to hear it with
const STALE = 0.3; // seconds without a word from the worklet, after which its clock says nothing

export class Sound {
  #changed;
  #context = null;
  #voice = null;
  #gain = null;
  #volume = 1;
  #mark = null; // what was heard, and when
  #tapped = 0; // when
  deaf = false;

  /** `changed()` is called when `blocked` may have changed. */
  constructor(changed) {
    this.#changed = changed;
  }

  /** From 0 to 1. */
  set volume(volume) {
    this.#volume = volume;
    if (this.#gain) this.#gain.gain.value = volume;
  }

  get blocked() {
    return this.#context?.state === "suspended";
  }

  /** The presentation time that is heard now, in µs; null while there is nothing to hear. */
  get heard() {
    if (!this.#mark || this.#context.state !== "running") return null;
    const since = this.#context.currentTime - this.#mark.at;
    return since > STALE ? null : this.#mark.pts + (since - (this.#context.outputLatency || 0)) * 1e6;
  }

  /** After a tap. Without a device for sound a browser begins nothing, and says nothing either: then `deaf` says so. */
  resume() {
    this.deaf = false;
    this.#context?.resume();
    clearTimeout(this.#tapped);
    this.#tapped = setTimeout(() => {
      this.deaf = this.blocked;
      this.#changed();
    }, NO_DEVICE);
  }

  take({ pts, rate, channels, data }) {
    if (!this.#context) this.#begin(rate);
    if (this.#context.state !== "running" || !this.#voice) return;
    const whole = new Int16Array(data.buffer, data.byteOffset, data.byteLength >> 1);
    const samples = Float32Array.from({ length: whole.length / channels }, (_, i) => whole[i * channels] / 32768);
    this.#voice.port.postMessage({ pts, samples }, [samples.buffer]);
  }

  async #begin(sampleRate) {
    this.#context = new AudioContext({ sampleRate, latencyHint: "interactive" });
    this.#context.onstatechange = () => {
      this.deaf &&= this.blocked;
      this.#changed();
    };
    this.#changed();
    await this.#context.audioWorklet.addModule("/v/static/worklet.js");
    this.#voice = new AudioWorkletNode(this.#context, "voice", { numberOfInputs: 0, outputChannelCount: [1] });
    this.#voice.port.onmessage = ({ data }) => (this.#mark = data);
    this.#gain = new GainNode(this.#context, { gain: this.#volume });
    this.#voice.connect(this.#gain).connect(this.#context.destination);
  }
}
