// Members, peers and topics as tables.
import { byId, count, duration, say } from "./dom.js";
import { Table } from "./tables.js";
import { neighbours } from "./topology.js";

const LINES = { linked: "link", relayed: "through others", trying: "trying", none: "none" };
// The shape of each beside its word, as in the picture.
const MARKS = { alive: "● alive", suspect: "▲ suspect", down: "✕ down" };
const LINK_MARKS = { connected: "● connected", connecting: "◌ connecting", "waiting to try again": "✕ waiting to try again" };

const members = new Table(byId("members-table"), "Members", [
  { label: "Name", text: (member) => member.name ?? "–" },
  { label: "State", text: (member) => MARKS[member.state] ?? member.state },
  { label: "Way", text: (member) => member.way },
  { label: "Endpoints", text: (member) => member.endpoints.join(", ") || "–" },
  { label: "Node", text: (member) => member.node },
], (member) => `${member.name} ${member.state} ${member.node} ${member.endpoints.join(" ")}`);

const peers = new Table(byId("peers-table"), "Peers", [
  { label: "Peer", text: (peer) => peer.name ?? peer.endpoint },
  { label: "State", text: (peer) => LINK_MARKS[peer.state] ?? peer.state },
  { label: "Queued", number: true, text: (peer) => count(peer.queued_messages), value: (peer) => peer.queued_messages },
  { label: "Topics", number: true, text: (peer) => count(peer.topics), value: (peer) => peer.topics },
  { label: "Up for", number: true, text: upFor, value: (peer) => peer.connected_seconds },
  { label: "Opened by", text: (peer) => (peer.added ? "this node" : "the peer") },
  { label: "Endpoint", text: (peer) => peer.endpoint },
  { label: "Node", text: (peer) => peer.node ?? "–" },
], (peer) => `${peer.name} ${peer.state} ${peer.endpoint} ${peer.node}`);

const topics = new Table(byId("topics-table"), "Topics", [
  { label: "Topic", text: (topic) => topic.topic },
  { label: "Host", text: (topic) => topic.hosts },
  { label: "Reachable", text: (topic) => (topic.reachable ? "yes" : "✕ no") },
  { label: "Subscribers", number: true, text: (topic) => count(topic.subscribers), value: (topic) => topic.subscribers },
], (topic) => `${topic.topic} ${topic.hosts}`);

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
  if (path === "/api/v1/topics" && listed) drawTopics(node, cluster, listed.topics);
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
