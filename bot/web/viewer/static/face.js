/** What stands for somebody where no live picture of them is: a photograph, else the first letter of the name. */

const TINTS = ["#1d6b55", "#9a4b2f", "#3f5fa3", "#7a5396", "#8a6a1c", "#2b7184", "#9b4767"];

/** The picture of somebody: the photograph if there is one and it loads, else a letter. */
export function portrait(name, picture = "") {
  const frame = document.createElement("div");
  frame.className = "face";
  if (picture) frame.append(photograph(picture, () => frame.replaceChildren(letter(name))));
  else frame.append(letter(name));
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

function letter(name) {
  const sign = document.createElement("span");
  sign.className = "letter";
  sign.setAttribute("aria-hidden", "true");
  sign.textContent = [...name.trim()][0]?.toUpperCase() ?? "";
  sign.style.setProperty("background", TINTS[hash(name) % TINTS.length]);
  return sign;
}

/** A number from a name, the same everywhere (FNV-1a). */
export function hash(text) {
  let value = 0x811c9dc5;
  for (const character of text) value = Math.imul(value ^ character.codePointAt(0), 0x01000193) >>> 0;
  return value;
}
