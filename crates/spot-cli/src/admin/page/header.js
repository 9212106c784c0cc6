// Who this is, and whether it is well.
import { byId, count, duration, element, say } from "./dom.js";

export function drawHeader(state) {
  const node = state.answers["/api/v1/node"];
  if (node) drawNode(node);
  drawHealth(state);
}

function drawNode(node) {
  const name = node.name ?? "a node without a name";
  say(byId("name"), name);
  const facts = {
    "Node id": node.node,
    "Up for": duration(node.uptime_seconds),
    "Listens at": node.endpoints.join(", ") || "nowhere",
    "Hub": node.relay ? "yes: it relays" : "no",
    "History": node.history_messages ? `${count(node.history_messages)} messages of a topic` : "none",
    "Version": node.version,
  };
  const list = byId("facts");
  for (const [label, value] of Object.entries(facts)) {
    const key = label.replace(" ", "-").toLowerCase();
    let shown = list.querySelector(`dd[data-fact="${key}"]`);
    if (!shown) {
      shown = element("dd", { "data-fact": key });
      list.append(element("div", {}, element("dt", {}, label), shown));
    }
    say(shown, value);
  }
}

function drawHealth(state) {
  const [health, text, reasons] = judged(state);
  const badge = byId("health");
  badge.dataset.health = health;
  say(badge, text);
  const name = byId("name").textContent;
  document.title = health === "ready" ? `${name} · SPOT` : `${text} · ${name} · SPOT`;
  const list = byId("reasons");
  const lines = reasons.join("\n");
  if (list.dataset.lines === lines) return;
  list.dataset.lines = lines;
  list.replaceChildren(...reasons.map((reason) => element("li", {}, reason)));
}

function judged(state) {
  // The rest of the page still shows what was known, so that this has to be said first.
  const unanswered = state.failing.get("/api/v1/node");
  if (unanswered) {
    const at = unanswered.since.toLocaleTimeString();
    return ["silent", `✗ no answer since ${at}`, ["What follows is what was last known."]];
  }
  const wrong = [...state.failing].map(([path, { reason }]) => `${path}: ${reason}`);
  const ready = state.answers["/readyz"];
  if (!ready) return ["unknown", "… asking", wrong];
  const reasons = ready.reasons.map(({ check, reason }) => `${check}: ${reason}`).concat(wrong);
  return ready.ready ? ["ready", "✓ ready", reasons] : ["unready", "✗ not ready", reasons];
}
