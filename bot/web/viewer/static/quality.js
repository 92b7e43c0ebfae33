/** How well pictures and sound come through: how late they are against the best of the last while, and what had to be left out. */

const WINDOW = 3000; // milliseconds
const BASE = 20_000; // milliseconds for which the earliest one counts
const GAP = 5000; // milliseconds for which a gap counts
const FAIR = 80; // milliseconds late
const POOR = 250;

export class Quality {
  #late = []; // [when, how late]
  #best = []; // [when, the least of its second]
  #gap = -Infinity;
  #number = null; // of the last frame since there is a picture; before, what is left out waits for a key frame

  /** A frame has come. `number` counts those of the session; `pts` is in µs, on a clock of the sender's. */
  take({ pts, number, picture }, now = performance.now()) {
    const travelled = now - pts / 1000;
    const last = this.#best.at(-1);
    if (last && now - last[0] < 1000) last[1] = Math.min(last[1], travelled);
    else this.#best = [...this.#best.filter(([when]) => now - when < BASE), [now, travelled]];
    const base = Math.min(...this.#best.map(([, least]) => least));
    this.#late = [...this.#late.filter(([when]) => now - when < WINDOW), [now, travelled - base]];
    if (this.#number !== null && number !== this.#number + 1) this.#gap = now;
    if (this.#number !== null || picture) this.#number = number;
  }

  /** Numbers and clocks begin anew. */
  reset() {
    [this.#late, this.#best, this.#gap, this.#number] = [[], [], -Infinity, null];
  }

  /** `good`, `fair` or `poor`; empty while nothing comes. */
  level(now = performance.now()) {
    const recent = this.#late.filter(([when]) => now - when < WINDOW).map(([, late]) => late).sort((a, b) => a - b);
    if (!recent.length) return "";
    const late = recent[Math.floor(0.9 * (recent.length - 1))];
    if (late > POOR || now - this.#gap < GAP) return "poor";
    return late > FAIR ? "fair" : "good";
  }
}
