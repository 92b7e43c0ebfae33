/** Line icons, drawn on a grid of 20. */

const PATHS = {
  watch: "M2.5 10S5.2 4.8 10 4.8 17.5 10 17.5 10 14.8 15.2 10 15.2 2.5 10 2.5 10Z M10 12.3a2.3 2.3 0 1 0 0-4.6 2.3 2.3 0 0 0 0 4.6Z",
  interrupt: "M6.2 4.5v11 M10 7.5v5 M13.8 6v8 M3.5 3.5l13 13",
  stop: "M5.5 5.5h9v9h-9z",
  extend: "M16 10a6 6 0 1 1-2-4.5 M14.4 2.6v3.2h-3.2 M10 7v3.2l2 1.4",
  transcript: "M5.5 3h6l3 3v11h-9z M11.5 3v3h3 M7.8 10h4.4 M7.8 13h4.4",
  start: "M6.5 4.5 15.5 10l-9 5.5z",
  thread: "M4 4.5h12v8.2H9L5.6 15.8v-3.1H4z",
  send: "M3.5 10.2 16.5 4l-4.2 12.5-2.8-5z M9.5 11.5 16.5 4",
  close: "M5 5l10 10 M15 5 5 15",
  back: "M12.5 4.5 7 10l5.5 5.5",
  menu: "M3.5 6h13 M3.5 10h13 M3.5 14h13",
  file: "M5.5 3h6l3 3v11h-9z M11.5 3v3h3",
  time: "M10 17a7 7 0 1 0 0-14 7 7 0 0 0 0 14Z M10 6.2V10l2.6 1.6",
  people: "M7.3 9.5a2.6 2.6 0 1 0 0-5.2 2.6 2.6 0 0 0 0 5.2Z M2.5 16c.3-2.7 2.2-4.3 4.8-4.3s4.5 1.6 4.8 4.3 M13 4.6a2.5 2.5 0 0 1 0 4.7 M14.4 12c1.8.5 2.9 1.9 3.1 4",
  edit: "M4 16l.7-3.2 8.4-8.4 2.5 2.5-8.4 8.4z",
  bin: "M4.5 6h11 M8 6V4.2h4V6 M6 6l.7 10h6.6L14 6",
  plus: "M10 4.5v11 M4.5 10h11",
  heard: "M3.5 8.2v3.6h2.6L9.5 15V5L6.1 8.2z M12.3 7.6a3.4 3.4 0 0 1 0 4.8 M14.5 5.6a6.2 6.2 0 0 1 0 8.8",
  theme: "M10 3.5a6.5 6.5 0 1 0 0 13z M10 3.5a6.5 6.5 0 0 1 0 13",
  out: "M8 4.5H4.5v11h11V12 M11 4.5h4.5V9 M15.5 4.5 9 11",
  set: "M4 6h7 M14.5 6H16 M4 14h1.5 M9 14h7 M11.2 6a1.7 1.7 0 1 0 3.4 0 1.7 1.7 0 0 0-3.4 0Z M5.6 14a1.7 1.7 0 1 0 3.4 0 1.7 1.7 0 0 0-3.4 0Z",
  mic: "M10 3a2.4 2.4 0 0 0-2.4 2.4v4.2a2.4 2.4 0 0 0 4.8 0V5.4A2.4 2.4 0 0 0 10 3Z M4.8 9.6a5.2 5.2 0 0 0 10.4 0 M10 14.8V17.5 M7.2 17.5h5.6",
  muted: "M3.5 8.2v3.6h2.6L9.5 15V5L6.1 8.2z M12.6 7.8l4 4.4 M16.6 7.8l-4 4.4",
  full: "M3.8 7.5V3.8h3.7 M12.5 3.8h3.7v3.7 M16.2 12.5v3.7h-3.7 M7.5 16.2H3.8v-3.7",
  inset: "M3 4.5h14v11H3z M10.5 10h4.5v3.5h-4.5z",
  lock: "M5 9h10v7.5H5z M7 9V6.8a3 3 0 0 1 6 0V9",
};

/** An icon by name; decoration, so hidden from screen readers. */
export function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
  const look = { class: "glyph", viewBox: "0 0 20 20", fill: "none", stroke: "currentColor", "stroke-width": "1.6", "stroke-linecap": "round", "stroke-linejoin": "round", "aria-hidden": "true" };
  for (const [key, value] of Object.entries(look)) svg.setAttribute(key, value);
  path.setAttribute("d", PATHS[name]);
  svg.append(path);
  return svg;
}
