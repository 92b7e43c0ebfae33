/** A drawn character for an avatar without a picture: every name has its own, it blinks, looks about, and its mouth moves as it speaks. */

const COATS = [["#1d8a69", "#146b51"], ["#d95f43", "#b84a31"], ["#4468b8", "#34529a"], ["#8a5fae", "#6f4992"], ["#cf9526", "#ac7a18"], ["#2f8aa0", "#226f82"], ["#c1557f", "#a24167"]];
const WALLS = [["#dfeee6", "#c4e0d1"], ["#fae4d6", "#f3cdb6"], ["#e0e8f6", "#c5d4ec"], ["#efe4f3", "#ddcbe6"], ["#f6ecd2", "#ebd9a9"], ["#dcecef", "#bedce3"]];
const BODY = "M46 34h68a28 28 0 0 1 28 28v32a28 28 0 0 1-28 28H64l-25 17c-2 1-4 0-4-3l1-17A28 28 0 0 1 18 94V62a28 28 0 0 1 28-28Z";

/** What they wear, one each. `#` is the darker colour of the coat. */
const WEAR = {
  headphones: [["path", { d: "M16 78C14 8 146 8 144 78", stroke: "#26332d", "stroke-width": 7 }], ["path", { d: "M10 66h14v30H10zM136 66h14v30h-14z", fill: "#26332d", stroke: "#26332d", "stroke-width": 8 }]],
  glasses: [["path", { d: "M44 70a16 16 0 1 0 32 0a16 16 0 1 0-32 0M84 70a16 16 0 1 0 32 0a16 16 0 1 0-32 0M76 68q4-3 8 0M44 66l-22-6M116 66l22-6", stroke: "#26332d", "stroke-width": 4 }]],
  sprout: [["path", { d: "M80 34c0-8-1-12-3-16", stroke: "#", "stroke-width": 4 }], ["path", { d: "M77 20C66 22 60 16 60 8c11-1 18 4 17 12ZM78 18c2-10 9-14 18-12 0 9-8 14-18 12Z", fill: "#", stroke: "none" }]],
  beret: [["path", { d: "M34 42c2-24 34-32 58-28 28 4 40 16 34 24-14-6-60-8-92 4Z", fill: "#26332d", stroke: "#26332d", "stroke-width": 4 }], ["path", { d: "M84 14l3-8", stroke: "#26332d", "stroke-width": 5 }]],
  tuft: [["path", { d: "M58 36c0-12 6-20 16-24-1 6 0 9 2 11 4-8 12-13 22-13-5 6-6 12-4 16 5-4 11-5 17-3-7 4-10 8-11 13Z", fill: "#", stroke: "none" }]],
  antenna: [["path", { d: "M80 34V20", stroke: "#", "stroke-width": 4 }], ["circle", { cx: 80, cy: 14, r: 7, fill: "#ffb454", stroke: "none" }]],
};

const still = matchMedia("(prefers-reduced-motion: reduce)");
const SVG = "http://www.w3.org/2000/svg";

/** The picture of somebody: the photograph if there is one, else a drawing after the name, which is then its `face`. */
export function portrait(name, picture = "") {
  const frame = document.createElement("div");
  frame.className = "face";
  if (picture) frame.append(photograph(picture, () => frame.replaceChildren(new Face(name).svg)));
  else frame.append((frame.face = new Face(name)).svg);
  return frame;
}

function photograph(picture, failed) {
  const image = document.createElement("img");
  image.alt = "";
  image.decoding = "async";
  image.addEventListener("error", failed, { once: true });
  image.src = picture;
  return image;
}

/** One drawn face. Its `state` is how it is; it moves only while it is on screen. */
export class Face {
  #mouth;
  #lids;
  #gaze;
  #head;
  #state = "idle";
  #open = 0;
  #frame = 0;
  #seed;
  #nextBlink = 0;

  constructor(name) {
    this.#seed = hash(name);
    this.svg = this.#draw();
    this.#pose(0);
  }

  /** `idle`, `speaking` or `asleep`. */
  set state(state) {
    if (state === this.#state) return;
    this.#state = state;
    this.svg.dataset.state = state;
    this.#pose(state === "speaking" ? 0.45 : 0);
    this.#run();
  }

  /** Begin to move, for faces that are large enough to be looked at. */
  live() {
    new IntersectionObserver(([entry]) => {
      this.visible = entry.isIntersecting;
      this.#run();
    }).observe(this.svg);
    return this;
  }

  #run() {
    cancelAnimationFrame(this.#frame);
    if (!still.matches && this.visible && this.svg.isConnected) this.#frame = requestAnimationFrame((now) => this.#move(now));
  }

  #move(now) {
    const t = now / 1000 + (this.#seed % 97);
    const wanted = this.#state === "speaking" ? syllables(t) : 0;
    this.#open += (wanted - this.#open) * 0.35;
    this.#pose(this.#open, t);
    this.#blink(now);
    this.#frame = requestAnimationFrame((next) => this.#move(next));
  }

  #blink(now) {
    if (now > this.#nextBlink + 140) this.#nextBlink = now + 1800 + Math.random() * 3600;
    const shut = this.#state === "asleep" || (now > this.#nextBlink && now < this.#nextBlink + 140);
    this.#lids.setAttribute("opacity", shut ? "1" : "0");
  }

  #pose(open, t = 0) {
    const lively = this.#state === "speaking" ? 1 : 0.5;
    this.#mouth.forEach((part, index) => part.setAttribute("d", mouth(open, index)));
    this.#lids.setAttribute("opacity", this.#state === "asleep" ? "1" : "0");
    if (!t) return;
    const [bob, turn] = [Math.sin(t * 1.7) * 1.4 * lively + open * -2, Math.sin(t * 0.7) * 1.8 * lively];
    this.#head.setAttribute("transform", `translate(0 ${bob.toFixed(2)}) rotate(${turn.toFixed(2)} 80 120)`);
    this.#gaze.setAttribute("transform", `translate(${(Math.sin(t * 0.43) * 2.2).toFixed(2)} ${(Math.sin(t * 0.61) * 1.2).toFixed(2)})`);
  }

  #draw() {
    const pick = (list, trait) => list[(Math.imul(this.#seed ^ (trait * 0x9e3779b1), 0x85ebca6b) >>> 15) % list.length];
    const [coat, dark] = pick(COATS, 1);
    const [wall, floor] = pick(WALLS, 2);
    const svg = node("svg", { viewBox: "0 0 160 160", "aria-hidden": "true", preserveAspectRatio: "xMidYMid slice" });
    const line = { fill: "none", stroke: "#1c2723", "stroke-width": "3", "stroke-linecap": "round" };
    this.wall = wall;
    this.#mouth = [node("path", { fill: "#4f171b" }), node("path", { fill: "#fff" }), node("path", { fill: "#e8756b" }), node("path", line)];
    this.#gaze = node("g", {}, ...EYES.flatMap((x) => [node("circle", { cx: x, cy: 71, r: 5.6, fill: "#1c2723" }), node("circle", { cx: x + 2, cy: 68.6, r: 1.9, fill: "#fff" })]));
    this.#lids = node("g", { opacity: "0" }, ...EYES.flatMap((x) => [node("ellipse", { cx: x, cy: 70, rx: 12, ry: 13.4, fill: coat }), node("path", { ...line, d: `M${x - 9} 72q9 6 18 0` })]));
    const wear = WEAR[pick(Object.keys(WEAR), 3)].map(([tag, look]) => node(tag, { fill: "none", "stroke-linecap": "round", "stroke-linejoin": "round", ...tinted(look, dark) }));
    this.#head = node("g", {},
      node("path", { d: BODY, fill: coat }),
      node("path", { d: "M18 90v4a28 28 0 0 0 18 22l-1 20c0 3 2 4 4 3l25-17h50a28 28 0 0 0 28-28v-4c0 12-12 20-28 20H46c-16 0-28-8-28-20Z", fill: dark, opacity: "0.5" }),
      ...[[42, 92], [118, 92]].map(([cx, cy]) => node("ellipse", { cx, cy, rx: 9, ry: 6, fill: "#fff", opacity: "0.16" })),
      ...EYES.map((x) => node("ellipse", { cx: x, cy: 70, rx: 11, ry: 12.4, fill: "#fff" })),
      this.#gaze, this.#lids, ...this.#mouth, ...wear);
    svg.append(node("rect", { width: 160, height: 160, fill: wall }), node("circle", { cx: 80, cy: 82, r: 70, fill: floor, opacity: "0.7" }),
      node("ellipse", { cx: 82, cy: 148, rx: 52, ry: 6, fill: "#0a2018", opacity: "0.13" }), this.#head);
    return svg;
  }
}

const EYES = [60, 100];

function tinted(look, dark) {
  return Object.fromEntries(Object.entries(look).map(([name, value]) => [name, value === "#" ? dark : value]));
}

/** How far a mouth is open, 0 to 1, as if it spoke: syllables of uneven weight with breaths between. */
function syllables(t) {
  const breath = Math.sin(t * 0.8) > -0.86 ? 1 : 0.1;
  return breath * Math.max(0, 0.46 + 0.34 * Math.sin(t * 15.5) + 0.2 * Math.sin(t * 24.1 + 1) + 0.12 * Math.sin(t * 6.3));
}

/** The dark of the mouth, teeth, tongue, or the closed smile. */
function mouth(open, part) {
  const [width, drop] = [15 - open * 4, open * 17];
  const [left, right, y] = [80 - width, 80 + width, 95 - open * 2];
  const [shut, low] = [open < 0.1, y + drop + 3];
  if (part === 3) return shut ? `M${left + 2} ${y}Q80 ${y + 9} ${right - 2} ${y}` : "";
  if (shut) return "";
  if (part === 0) return `M${left} ${y}Q80 ${y + 2} ${right} ${y}Q${80 + width * 0.8} ${low} 80 ${low}Q${80 - width * 0.8} ${low} ${left} ${y}Z`;
  if (part === 1) return `M${left + 3} ${y + 1}Q80 ${y + 2.4} ${right - 3} ${y + 1}L${right - 5} ${y + 3.4 + open * 1.6}Q80 ${y + 5 + open * 1.6} ${left + 5} ${y + 3.4 + open * 1.6}Z`;
  return open > 0.4 ? `M${80 - width * 0.55} ${low - 3.4}Q80 ${low - 9} ${80 + width * 0.55} ${low - 3.4}Q80 ${low + 0.6} ${80 - width * 0.55} ${low - 3.4}Z` : "";
}

function node(tag, attributes = {}, ...children) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

/** A number from a name, the same everywhere (FNV-1a). */
export function hash(text) {
  let value = 0x811c9dc5;
  for (const character of text) value = Math.imul(value ^ character.codePointAt(0), 0x01000193) >>> 0;
  return value;
}
