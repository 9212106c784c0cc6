// The cluster as a picture: this node in the middle, everybody else around it.
import { announce, byId, count, drawn, say, visible } from "./dom.js";

const MOST_DRAWN = 150;
/** With more around, only those with a problem are named; the table below has all. */
const MOST_NAMED = 16;
/** With more around, shapes are small. */
const MOST_ROOMY = 40;
const SHORT = 16;

const SHAPES = {
  self: () => [drawn("path", { d: "M-9-9H9V9H-9Z" })],
  alive: () => [drawn("circle", { r: 7 })],
  suspect: () => [drawn("path", { d: "M0-10 10 8H-10Z" }), drawn("text", { class: "mark", y: 6 }, "?")],
  down: () => [
    drawn("path", { class: "box", d: "M-7-7H7V7H-7Z" }), drawn("path", { class: "cross", d: "M-7-7 7 7M7-7-7 7" }),
  ],
  other: () => [drawn("path", { d: "M0-7 7 0 0 7-7 0Z" })],
};

const LINES = {
  linked: "linked to this node", relayed: "not linked, reached through others", trying: "no link: trying again",
  none: "no link",
};

let shown = "";
let wasPartitioned = false;

export function drawTopology(state, path) {
  if (path && !["/api/v1/node", "/api/v1/cluster", "/api/v1/peers"].includes(path)) return;
  const node = state.answers["/api/v1/node"];
  const cluster = state.answers["/api/v1/cluster"];
  const peers = state.answers["/api/v1/peers"];
  if (!node || !cluster || !peers) return;
  tellPartition(cluster);
  const around = neighbours(node, cluster.members, peers.peers);
  say(byId("cluster-summary"), summary(cluster, around));
  const width = byId("topology").clientWidth;
  // What has not changed is not drawn anew.
  const now = JSON.stringify([node.node, node.name, node.relay, cluster.partitioned, width, around]);
  if (now === shown) return;
  shown = now;
  picture(node, cluster, around, width);
}

function tellPartition(cluster) {
  const { reachable, size, has_quorum } = cluster;
  const majority = has_quorum ? "This side is a majority." : "This side is no majority.";
  const banner = byId("partition");
  banner.hidden = !cluster.partitioned;
  say(banner, cluster.partitioned ? `⚠ Partitioned: ${reachable} of ${size} members are reachable. ${majority}` : "");
  if (wasPartitioned && !cluster.partitioned) announce("The cluster is whole again.");
  wasPartitioned = cluster.partitioned;
}

function summary(cluster, around) {
  const { size, reachable, quorum, has_quorum } = cluster;
  const having = (state) => around.filter((one) => one.state === state).length;
  const parts = [
    `${count(reachable)} of ${count(size)} members reachable`,
    has_quorum ? `a majority (${quorum} needed)` : `no majority (${quorum} needed)`,
  ];
  for (const state of ["suspect", "down"]) if (having(state)) parts.push(`${having(state)} ${state}`);
  if (around.length > MOST_DRAWN) parts.push(`${MOST_DRAWN} of ${count(around.length)} drawn`);
  return parts.join(" · ");
}

/** Everybody but this node: members, then peers that are none. Those with a problem come first where there is no room for all. */
export function neighbours(node, members, peers) {
  const links = new Map();
  for (const peer of peers) {
    const before = links.get(peer.node);
    if (peer.node && before?.state !== "connected") links.set(peer.node, peer);
  }
  const known = new Set([node.node, ...members.map((member) => member.node)]);
  const endpoints = new Set(members.flatMap((member) => member.endpoints));
  const found = members.filter((member) => member.node !== node.node)
    .map((member) => {
      const link = links.get(member.node);
      const line = lineTo(member, link, peers);
      const hub = line === "relayed" && peers.find((peer) => peer.relays_for.includes(member.node));
      const is_hub = link?.relays_for.length > 0;
      return { key: member.node, label: member.name ?? member.node, state: member.state, line, hub: hub?.node, is_hub };
    });
  for (const peer of peers) {
    const isMember = known.has(peer.node) || (!peer.node && endpoints.has(peer.endpoint));
    if (isMember || peer.state === "this program itself") continue;
    const line = peer.state === "connected" ? "linked" : "trying";
    found.push({ key: peer.endpoint, label: peer.name ?? peer.endpoint.replace("tcp://", ""), state: "other", line });
  }
  return found.sort((a, b) => compare(a.label, b.label) || compare(a.key, b.key));
}

const compare = (a, b) => (a < b ? -1 : a > b ? 1 : 0);

function lineTo(member, link, peers) {
  if (link?.state === "connected") return "linked";
  if (member.state !== "down") return "relayed";
  const isTried = link || peers.some((peer) => !peer.node && member.endpoints.includes(peer.endpoint));
  return isTried ? "trying" : "none";
}

function picture(node, cluster, around, width) {
  const most = around.length > MOST_DRAWN ? [...around].sort(gravestFirst).slice(0, MOST_DRAWN) : around;
  const height = Math.max(260, Math.min(460, width * 0.62));
  const title = `Topology: ${byId("cluster-summary").textContent}`;
  const svg = drawn("svg", { viewBox: `0 0 ${width} ${height}`, width, height, role: "img", "aria-label": visible(title) });
  svg.dataset.partitioned = cluster.partitioned;
  svg.dataset.crowded = most.length > MOST_ROOMY;
  const middle = { x: width / 2, y: height / 2 };
  const places = most.map((one, index) => ({ one, ...place(index, most.length, middle) }));
  const at = new Map(places.map((place) => [place.one.key, place]));
  for (const { one, x, y } of places) {
    if (one.line === "none") continue;
    const from = at.get(one.hub) ?? middle;
    svg.append(drawn("line", { x1: from.x, y1: from.y, x2: x, y2: y, class: `line ${one.line}`, "data-to": one.label }));
    svg.lastChild.dataset.hub = at.get(one.hub)?.one.label ?? "";
  }
  const areNamed = most.length <= MOST_NAMED;
  for (const { one, x, y } of places) {
    if (isGrave(one)) continue;
    svg.append(symbol(one, x, y, areNamed, y < middle.y));
  }
  // These lie on top.
  for (const { one, x, y } of places) if (isGrave(one)) svg.append(symbol(one, x, y, true, y < middle.y));
  svg.append(symbol({ label: node.name ?? node.node, state: "self", line: "none", is_hub: node.relay }, middle.x, middle.y, true, false));
  byId("topology").replaceChildren(svg);
}

const isGrave = (one) => one.state === "suspect" || one.state === "down";
const GRAVITY = { down: 0, suspect: 1, alive: 2, other: 3 };
const gravestFirst = (a, b) => GRAVITY[a.state] - GRAVITY[b.state];

/** On an ellipse; of many each second one on a smaller ellipse. */
function place(index, of, middle) {
  const angle = (2 * Math.PI * index) / of - Math.PI / 2;
  const inner = of > MOST_ROOMY && index % 2 ? 0.78 : 1;
  const x = middle.x + Math.cos(angle) * inner * (middle.x - 62);
  const y = middle.y + Math.sin(angle) * inner * (middle.y - 30);
  return { x: Math.round(x), y: Math.round(y) };
}

/** With its name on the far side of its line. */
function symbol(one, x, y, isNamed, isAbove) {
  const shape = SHAPES[one.state] ?? SHAPES.other;
  const what = (one.state === "self" ? "this node" : `${one.state}, ${LINES[one.line]}`) + (one.is_hub ? ", a hub" : "");
  const group = drawn("g", { class: `node ${one.state}`, transform: `translate(${x} ${y})`, "data-state": one.state },
    drawn("title", {}, `${one.label}: ${what}`), ...shape());
  group.dataset.name = one.label;
  if (one.is_hub) group.prepend(drawn("circle", { r: 13, class: "ring" }));
  group.dataset.line = one.line;
  if (!isNamed) return group;
  const label = visible(one.label.length > SHORT ? `${one.label.slice(0, SHORT - 1)}…` : one.label);
  const [outside, inside] = isAbove ? [-13, 24] : [24, -13];
  group.append(drawn("text", { class: "label", y: outside }, label));
  if (isGrave(one)) group.append(drawn("text", { class: "word", y: inside }, one.state));
  return group;
}
