// Members, peers and topics as tables.
import { byId, bytes, count, duration, rate, say, shortTime } from "./dom.js";
import { Table } from "./tables.js";
import { neighbours } from "./topology.js";

const LINES = { linked: "link", relayed: "through others", trying: "trying", none: "none" };
// The shape of each beside its word, as in the picture.
const MARKS = { alive: "● alive", suspect: "▲ suspect", down: "✕ down" };
const LINK_MARKS = { connected: "● connected", connecting: "◌ connecting", "waiting to try again": "✕ waiting to try again" };

const members = new Table(byId("members-table"), "Members", [
  { label: "Name", text: (member) => member.name ?? "–" },
  { label: "State", word: true, text: (member) => MARKS[member.state] ?? member.state },
  { label: "Way", word: true, text: (member) => member.way },
  { label: "Endpoints", text: (member) => member.endpoints.join(", ") || "–" },
  { label: "Node", text: (member) => member.node },
], (member) => `${member.name} ${member.state} ${member.node} ${member.endpoints.join(" ")}`);

const peers = new Table(byId("peers-table"), "Peers", [
  { label: "Peer", text: (peer) => peer.name ?? peer.endpoint },
  { label: "State", word: true, text: (peer) => LINK_MARKS[peer.state] ?? peer.state },
  { label: "Queued", number: true, text: queued, value: (peer) => peer.queued_messages },
  { label: "At most", number: true, text: (peer) => count(peer.queue_high_water_messages), value: (peer) => peer.queue_high_water_messages },
  { label: "Dropped", number: true, text: (peer) => count(peer.dropped_messages), value: (peer) => peer.dropped_messages },
  { label: "Round trip", number: true, text: roundTrip, value: (peer) => peer.round_trip_seconds ?? -1 },
  { label: "Reconnects", number: true, text: (peer) => count(peer.reconnects), value: (peer) => peer.reconnects },
  { label: "Topics", number: true, text: (peer) => count(peer.topics), value: (peer) => peer.topics },
  { label: "Up for", number: true, text: upFor, value: (peer) => peer.connected_seconds },
  { label: "Opened by", word: true, text: (peer) => (peer.added ? "this node" : "the peer") },
  { label: "Endpoint", text: (peer) => peer.endpoint },
  { label: "Node", text: (peer) => peer.node ?? "–" },
], (peer) => `${peer.name} ${peer.state} ${peer.endpoint} ${peer.node}`);

const topics = new Table(byId("topics-table"), "Topics", [
  { label: "Topic", text: (topic) => topic.topic },
  { label: "Host", text: (topic) => topic.hosts },
  { label: "Reachable", text: (topic) => (topic.reachable ? "yes" : "✕ no") },
  { label: "Subscribers", number: true, text: (topic) => count(topic.subscribers), value: (topic) => topic.subscribers },
  { label: "Per second", number: true, text: (topic) => topic.rate === null ? "–" : rate(topic.rate), value: (topic) => topic.rate ?? -1 },
  { label: "Dropped", number: true, text: (topic) => count(topic.dropped_messages), value: (topic) => topic.dropped_messages },
  { label: "Missed", number: true, text: missed, value: (topic) => topic.missed_messages + topic.gaps },
  { label: "History", number: true, text: (topic) => count(topic.history_messages), value: (topic) => topic.history_messages },
], (topic) => `${topic.topic} ${topic.hosts}`);

function queued(peer) {
  return peer.queued_messages ? `${count(peer.queued_messages)} (${bytes(peer.queued_bytes)})` : "0";
}

function roundTrip(peer) {
  return peer.round_trip_seconds === null ? "–" : shortTime(peer.round_trip_seconds);
}

function missed(topic) {
  return topic.gaps ? `${count(topic.missed_messages)} in ${count(topic.gaps)} gaps` : "0";
}

function upFor(peer) {
  return peer.state === "connected" ? duration(peer.connected_seconds) : "–";
}

export function drawLists(state, path) {
  const node = state.answers["/api/v1/node"];
  const cluster = state.answers["/api/v1/cluster"];
  const linked = state.answers["/api/v1/peers"];
  const listed = state.answers["/api/v1/topics"];
  if (path === "/api/v1/cluster" && node && linked) drawMembers(node, cluster, linked.peers);
  if (path === "/api/v1/peers" && linked) drawPeers(node, linked.peers);
  if (path === "/api/v1/topics" && listed) drawTopics(node, cluster, rated(listed));
}

function drawMembers(node, cluster, linked) {
  if (!cluster) return;
  const ways = new Map(neighbours(node, cluster.members, linked).map((one) => [one.key, LINES[one.line]]));
  members.show(cluster.members.map((member) => ({ ...member, way: ways.get(member.node) ?? "this node" })));
}

function drawPeers(node, linked) {
  const up = linked.filter((peer) => peer.state === "connected").length;
  const queued = linked.reduce((sum, peer) => sum + peer.queued_messages, 0);
  const parts = [`${count(up)} of ${count(linked.length)} connected`, `${count(queued)} messages queued`];
  if (node) parts.push(`${count(node.stats.reconnects)} reconnects since the start`);
  say(byId("peers-summary"), parts.join(" · "));
  peers.show(linked);
}

let before = { uptime_seconds: 0, messages: new Map() };

/** The topics with the rate at which messages came since they were last asked for. */
function rated(listed) {
  const { uptime_seconds, topics: all } = listed;
  const seconds = uptime_seconds - before.uptime_seconds;
  // The same answer is drawn again where the next one fails; a node that was started anew counts anew.
  const old = seconds > 0 ? before.messages : new Map();
  const messages = new Map(all.map((topic) => [topic.topic, topic.published_messages + topic.received_messages]));
  const rates = all.map(({ topic }) => {
    const since = messages.get(topic) - (old.get(topic) ?? NaN);
    return since >= 0 ? since / seconds : null;
  });
  if (seconds !== 0) before = { uptime_seconds, messages };
  return all.map((topic, index) => ({ ...topic, rate: rates[index] }));
}

function drawTopics(node, cluster, listed) {
  const local = listed.filter((topic) => topic.place === "local").length;
  const lost = listed.filter((topic) => !topic.reachable).length;
  const parts = [`${count(listed.length)} known`, `${count(local)} hosted here`];
  if (lost) parts.push(`⚠ ${count(lost)} out of reach`);
  if (node && local) parts.push(`history of those: ${count(node.history_messages)} messages each`);
  parts.push("asked for every 5 s");
  say(byId("topics-summary"), parts.join(" · "));
  const names = new Map(cluster?.members.map((member) => [member.node, member.name ?? member.node]));
  topics.show(listed.map((topic) => (
    { ...topic, hosts: hosts(topic, names), state: topic.reachable ? "" : "down" }
  )));
}

function hosts(topic, names) {
  const others = topic.owners.map((owner) => names.get(owner) ?? owner);
  if (topic.place === "local") others.unshift("this node");
  const all = others.join(", ") || "–";
  return topic.place === "routed" ? `${all} (by a route)` : all;
}
