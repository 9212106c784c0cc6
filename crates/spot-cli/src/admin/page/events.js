// The log of events, from the stream. After a break it goes on after the last event that was seen.
import { announce, byId, element, say } from "./dom.js";

const MOST_SHOWN = 200;
const MOST_KEPT = 1000;
const PAUSE_MS = 3000;

const KINDS = {
  members: ["peer-up", "peer-down", "connect-failed", "member-up", "member-suspect", "member-down", "partition", "heal"],
  topics: ["topic-added", "topic-removed"],
  losses: ["gap", "slow-subscriber", "rejected", "missed"],
};
const GRAVE = ["peer-down", "member-suspect", "member-down", "partition", "gap", "slow-subscriber", "missed"];
const SPOKEN = [...GRAVE, "member-up", "heal"];

/** Each as `{ event, row }`, the newest first. */
const log = [];
// That of no life: everything that is kept.
let last = "0-0";
let opened_ms = Infinity;
let drawing = false;

export function followEvents() {
  byId("events-kind").addEventListener("change", draw);
  open();
}

function open() {
  const stream = new EventSource(`/api/v1/events/stream?after=${encodeURIComponent(last)}`);
  stream.onopen = () => {
    opened_ms = performance.now();
    tell("live");
  };
  stream.onmessage = ({ data, lastEventId }) => {
    last = lastEventId || last;
    add(JSON.parse(data));
  };
  stream.onerror = () => {
    opened_ms = Infinity;
    tell("interrupted: trying again");
    // The browser comes back by itself unless it was refused.
    if (stream.readyState !== EventSource.CLOSED) return;
    setTimeout(open, PAUSE_MS);
  };
}

function tell(text) {
  const shown = byId("events-state");
  shown.dataset.live = text === "live";
  say(shown, text);
}

function add(event) {
  log.unshift({ event, row: null });
  if (log.length > MOST_KEPT) log.pop();
  // What was there before is read in the list, not called out.
  if (performance.now() - opened_ms > 1000 && SPOKEN.includes(event.event)) announce(sentence(event));
  if (drawing) return;
  drawing = true;
  // A thousand that come at once are drawn once; a hidden page would wait for ever for a frame.
  setTimeout(draw, 100);
}

function draw() {
  drawing = false;
  const kind = byId("events-kind").value;
  const chosen = log.filter(({ event }) => kind === "all" || KINDS[kind].includes(event.event));
  const list = byId("events-list");
  const rows = chosen.slice(0, MOST_SHOWN).map((entry) => entry.row ??= row(entry.event));
  // Rows that stay are left alone.
  rows.forEach((wanted, index) => {
    const there = list.children[index];
    if (there !== wanted) list.insertBefore(wanted, there ?? null);
  });
  while (list.children.length > rows.length) list.lastElementChild.remove();
}

function row(event) {
  const at = event.at_ms ? new Date(event.at_ms) : null;
  const time = at ? element("time", { datetime: at.toISOString() }, at.toLocaleTimeString()) : element("time", {}, "–");
  const grave = GRAVE.includes(event.event);
  const kind = element("b", {}, (grave ? "⚠ " : "") + event.event);
  return element("li", { "data-event": event.event, "data-grave": grave }, time, " ", kind, " ",
    element("span", {}, rest(event)));
}

/** What belongs to an event, whatever it is: later versions tell of more. */
function rest(event) {
  const parts = [];
  for (const [name, value] of Object.entries(event)) {
    if (["id", "at_ms", "event"].includes(name) || value === null || value === "") continue;
    parts.push(`${name} ${typeof value === "object" ? JSON.stringify(value) : value}`);
  }
  return parts.join(" · ");
}

const sentence = (event) => `${event.event.replace("-", " ")}: ${event.name || event.topic || event.endpoint || rest(event)}`;
