// Every field of the API that this page reads. What is not here the page cannot see: `pick` leaves it out.
// `true` is a value, `[...]` a list of such objects. A test reads this as JSON and compares it with a running node.
export const FIELDS = {
  "/api/v1/node": {
    "node": true, "name": true, "version": true, "uptime_seconds": true, "endpoints": true, "relay": true,
    "history_messages": true,
    "stats": {
      "published_messages": true, "received_messages": true, "relayed_messages": true, "missed_messages": true,
      "dropped_at_sender": true, "dropped_at_receiver": true, "reconnects": true
    }
  },
  "/readyz": { "ready": true, "reasons": [{ "check": true, "reason": true }] },
  "/api/v1/cluster": {
    "size": true, "reachable": true, "quorum": true, "has_quorum": true, "partitioned": true,
    "members": [{ "node": true, "name": true, "endpoints": true, "state": true }]
  },
  "/api/v1/peers": {
    "peers": [{
      "endpoint": true, "name": true, "node": true, "state": true, "added": true, "topics": true, "relays_for": true,
      "connected_seconds": true, "queued_messages": true, "queued_bytes": true, "queue_high_water_messages": true,
      "dropped_messages": true, "round_trip_seconds": true, "reconnects": true
    }]
  },
  "/api/v1/topics": {
    "uptime_seconds": true,
    "topics": [{
      "topic": true, "place": true, "reachable": true, "subscribers": true, "owners": true, "published_messages": true,
      "received_messages": true, "dropped_messages": true, "missed_messages": true, "gaps": true, "history_messages": true
    }]
  }
};

/** The listed fields of an answer; an error names the first one that is missing. */
export function pick(value, shape, where) {
  if (shape === true) return value;
  if (Array.isArray(shape)) return value.map((item) => pick(item, shape[0], where));
  const picked = {};
  for (const name in shape) {
    if (!(name in value)) throw new Error(`${where} has no field ${name}`);
    picked[name] = pick(value[name], shape[name], `${where}: ${name}`);
  }
  return picked;
}
