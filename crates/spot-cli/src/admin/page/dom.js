// Elements. What peers choose comes in as text or as the value of an attribute that is not code, never as markup.

const SVG = "http://www.w3.org/2000/svg";

export const byId = (id) => document.getElementById(id);

/** An HTML element with attributes and children, which are elements or text. */
export function element(name, attributes = {}, ...children) {
  return filled(document.createElement(name), attributes, children);
}

/** An element of SVG. */
export function drawn(name, attributes = {}, ...children) {
  return filled(document.createElementNS(SVG, name), attributes, children);
}

function filled(made, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children.map(visible));
  return made;
}

/** Sets the text if it has changed, so that a selection stays and nothing is laid out for nothing. */
export function say(target, text) {
  const shown = visible(String(text));
  if (target.textContent !== shown) target.textContent = shown;
}

/** Text whose control and direction characters are seen instead of obeyed, as `\x1b`. Elements stay. */
export function visible(text) {
  if (typeof text !== "string") return text;
  return text.replace(/[\p{Cc}\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/gu,
    (sign) => `\\u{${sign.codePointAt(0).toString(16)}}`);
}

/** Tells people who do not see the page. */
export function announce(text) {
  say(byId("announcer"), text);
}

const grouped = new Intl.NumberFormat("en");

/** 10,000 */
export const count = (number) => grouped.format(number);

/** 3.2 MB */
export function bytes(number) {
  const units = ["B", "kB", "MB", "GB"];
  let unit = 0;
  for (; number >= 1000 && unit < units.length - 1; unit++) number /= 1000;
  return `${number < 10 && unit ? number.toFixed(1) : Math.round(number)} ${units[unit]}`;
}

/** 250 µs, 1.2 ms, 3 s */
export function shortTime(seconds) {
  const [factor, unit] = seconds < 1e-3 ? [1e6, "µs"] : seconds < 1 ? [1e3, "ms"] : [1, "s"];
  const number = seconds * factor;
  return `${number < 10 && unit !== "µs" ? number.toFixed(1) : Math.round(number)} ${unit}`;
}

/** A rate, with one decimal where it is small. */
export const rate = (number) => number < 10 && number % 1 ? number.toFixed(1) : count(Math.round(number));

/** 3 d 4 h, the two greatest units. */
export function duration(seconds) {
  const units = [["d", 86400], ["h", 3600], ["min", 60], ["s", 1]];
  let rest = Math.floor(seconds);
  const at = units.findIndex(([, size]) => rest >= size);
  if (at < 0) return "0 s";
  return units.slice(at, at + 2).map(([unit, size]) => {
    const number = Math.floor(rest / size);
    rest -= number * size;
    return `${number} ${unit}`;
  }).join(" ");
}
