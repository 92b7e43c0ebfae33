/** The server's time in this window, and time as people read it. */

let ahead = 0;

/** Set by the server's `now`, so that a wrong clock on this machine counts nothing down wrongly. */
export function setClock(now) {
  ahead = Date.parse(now) - Date.now();
}

/** Milliseconds until `at` (ISO 8601), never negative. */
export function until(at) {
  return Math.max(0, Date.parse(at) - Date.now() - ahead);
}

/** Milliseconds since `at` (ISO 8601), never negative. */
export function since(at) {
  return Math.max(0, Date.now() + ahead - Date.parse(at));
}

/** `9:41`, or `1:09:41` */
export function countdown(milliseconds) {
  const seconds = Math.ceil(milliseconds / 1000);
  const two = (number) => String(number).padStart(2, "0");
  const [hours, minutes, rest] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
  return hours ? `${hours}:${two(minutes)}:${two(rest)}` : `${minutes}:${two(rest)}`;
}

const clockTime = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
const dayAndTime = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "medium" });
const day = new Intl.DateTimeFormat(undefined, { weekday: "long", day: "numeric", month: "long" });

export const shortTime = (date) => clockTime.format(date);
export const longTime = (date) => dayAndTime.format(date);
export const dayOf = (date) => day.format(date);
