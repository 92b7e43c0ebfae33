/** Build DOM without a framework: text is always text, never markup. */

/**
 * An element with its properties and children. `on…` are listeners, `data` and `aria` objects, the rest attributes;
 * null, undefined and false leave an attribute or a child out.
 */
export function h(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) set(element, name, value);
  element.append(...kept(children));
  return element;
}

/** Put these children in place of the ones there are. */
export function fill(element, ...children) {
  element.replaceChildren(...kept(children));
  return element;
}

/** Set text only where it differs, so that selections and screen readers are left in peace. */
export function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
  return element;
}

function kept(children) {
  return children.flat().filter((child) => child !== null && child !== undefined && child !== false);
}

function set(element, name, value) {
  if (value === null || value === undefined || value === false) return;
  if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
  else if (name === "data") Object.assign(element.dataset, value);
  else if (name === "aria") for (const [key, state] of Object.entries(value)) element.setAttribute(`aria-${key}`, state);
  else if (name === "class") element.className = value;
  else element.setAttribute(name, value === true ? "" : value);
}
