/** What could come next in a line that begins with a slash. Pure: a line and the catalogue in, offers out. */

const START = /^\/(?:avatar(?:\s+|$))?/;

/** Whether a line is a command. */
export const isCommand = (text) => /^\s*\/\S*/.test(text) && !text.startsWith("//");

/**
 * Reads a line up to its end: `{ stage: "verb", typed }`, `{ stage: "option", verb, typed, free }`,
 * `{ stage: "value", verb, option, typed, start }`, or null when nothing is to be offered.
 */
export function read(text, verbs) {
  if (!isCommand(text)) return null;
  if (/^\/[a-z]*$/i.test(text) && "/avatar".startsWith(text.toLowerCase())) return { stage: "verb", typed: "", start: 0 };
  const lead = text.match(START)[0].length;
  const rest = text.slice(lead);
  const verb = longestVerb(rest, verbs);
  if (!verb) return { stage: "verb", typed: rest, start: lead };
  return readOptions(text, lead + verb.name.length + 1, verb);
}

/** Verbs whose name begins with what was typed, then those that contain it. */
export function verbOffers(typed, verbs) {
  const wanted = typed.trim().toLowerCase();
  const offered = verbs.filter(({ withheld }) => !withheld);
  const begins = offered.filter(({ name }) => name.startsWith(wanted));
  const contains = offered.filter(({ name }) => !name.startsWith(wanted) && name.includes(wanted));
  return [...begins, ...contains];
}

/** A value as it has to stand in a line. */
export const quoted = (value) => (/[\s"']/.test(value) ? `"${value.replaceAll('"', "”")}"` : value);

/** A line as it may stand on the page afterwards: where a secret could be in it, only its verb. */
export function discreet(line, verbs) {
  const secretive = verbs.filter(({ options = [] }) => options.some(({ secret }) => secret));
  const telltale = secretive.flatMap(({ name, options }) => [name.split(" ").at(-1), ...options.filter(({ secret }) => secret).map((option) => option.name)]);
  if (!telltale.some((word) => line.toLowerCase().replaceAll("-", "_").includes(word))) return line;
  const known = new Set(["/avatar", ...verbs.flatMap(({ name }) => name.split(" "))]);
  const words = line.trim().split(/\s+/);
  const verb = words.findIndex((word) => !known.has(word.toLowerCase()));
  return verb < 0 ? line : [...words.slice(0, verb), "…"].join(" ");
}

function longestVerb(rest, verbs) {
  const named = verbs.filter(({ name }) => rest.toLowerCase().startsWith(`${name} `));
  return named.sort((one, other) => other.name.length - one.name.length)[0] ?? null;
}

function readOptions(text, from, verb) {
  const options = verb.options ?? [];
  if (options[0]?.rest) return null;
  const words = [...text.slice(from).matchAll(/(?:[\w-]+[:=])?(?:"[^"]*"?|'[^']*'?|[^\s"']\S*)|[\w-]+[:=]$/g)];
  const last = words.at(-1);
  const open = last && from + last.index + last[0].length === text.length ? last : null;
  const done = open ? words.slice(0, -1) : words;
  const given = new Set(done.map(([word]) => word.match(/^([\w-]+)[:=]/)?.[1]).filter(Boolean));
  const free = options.filter(({ name }) => !given.has(name));
  const named = open?.[0].match(/^([\w-]+)[:=]["']?(.*?)["']?$/);
  const option = named && options.find(({ name }) => name === named[1]);
  if (option) return { stage: "value", verb, option, typed: named[2], start: from + open.index, free };
  const typed = open?.[0].replaceAll('"', "") ?? "";
  return { stage: "option", verb, typed, start: open ? from + open.index : text.length, free, first: given.size || done.length ? null : free[0] };
}
