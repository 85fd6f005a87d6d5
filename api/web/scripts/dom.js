/**
 * Elements from plain values.
 *
 * Text becomes text nodes and attributes are set as attributes: nothing on this page ever parses markup, so a file
 * name or a caption cannot become part of it.
 */

const SPOKEN = new Set(["aria-label", "title", "alt", "placeholder"]); // attributes that people read

/**
 * An element with attributes and children. `on` holds listeners, `data` data attributes, `style` CSS properties;
 * true and false add or leave out an attribute.
 */
export function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key === "on") for (const [event, listener] of Object.entries(value)) made.addEventListener(event, listener);
    else if (key === "data") Object.assign(made.dataset, value);
    else if (key === "style") for (const [property, set] of Object.entries(value)) made.style.setProperty(property, set);
    else if (typeof value === "boolean") made.toggleAttribute(key, value);
    else if (value !== null && value !== undefined) made.setAttribute(key, SPOKEN.has(key) ? shown(String(value)) : value);
  }
  const given = children.flat().filter((child) => child !== null && child !== undefined && child !== false);
  made.append(...given.map((child) => (typeof child === "string" ? shown(child) : child)));
  return made;
}

/** A text with its control characters to be seen, and without those by which a name turns the letters around it. */
export function shown(text) {
  return text
    .replace(/[\u0000-\u0008\u000b-\u001f]/g, (letter) => String.fromCharCode(0x2400 + letter.charCodeAt(0)))
    .replace(/[\u007f-\u009f\u202a-\u202e\u2028\u2029\u2066-\u2069]/g, "\ufffd");
}

/** The element with this id. */
export function byId(id) {
  return document.getElementById(id);
}

/** A button; with an icon alone, `label` is its name for screen readers and its tooltip. */
export function button(label, { icon, text, ...attributes } = {}) {
  const content = [icon, text].filter(Boolean);
  const named = text ? {} : { "aria-label": label, title: label };
  return element("button", { type: "button", ...named, ...attributes }, content.length ? content : label);
}

/** Say something to screen readers. */
export function announce(words) {
  byId("announcer").textContent = words;
}

/** Call `act` once nothing asked for it during `pause` milliseconds. */
export function settled(act, pause) {
  let timer = 0;
  const later = (...given) => {
    clearTimeout(timer);
    timer = setTimeout(act, pause, ...given);
  };
  later.cancel = () => clearTimeout(timer);
  return later;
}
