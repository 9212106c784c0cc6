//! Every maximum and every default of SPOT, in one place, each with its reason.
//!
//! A length that comes from a peer or from a caller is compared with one of these before anything
//! is allocated. Names end in their unit.

// Names and texts.

/// Longest topic name. A C caller's `char topic[256]` always holds one with its NUL.
pub const MAX_TOPIC_BYTES: usize = 255;

/// Longest subscription pattern: as long as what it matches. It also bounds matching to 255 x 255
/// steps.
pub const MAX_PATTERN_BYTES: usize = 255;

/// Longest node name: as long as a ZMTP routing id may be (RFC 37), so that tools can show one as
/// the other.
pub const MAX_NODE_NAME_BYTES: usize = 255;

/// Longest DNS name (RFC 1035, 2.3.4, without the trailing dot).
pub const MAX_HOST_NAME_BYTES: usize = 253;

/// Longest `ipc://` path: `sun_path` has 108 bytes on Linux and the last one is NUL.
pub const MAX_IPC_PATH_BYTES: usize = 107;

/// Longest `inproc://` name.
pub const MAX_INPROC_NAME_BYTES: usize = 255;

/// Longest endpoint text: `tcp://` + a DNS name + `:65535` is 265 bytes, the longest of the three
/// transports.
pub const MAX_ENDPOINT_BYTES: usize = 320;

/// Most endpoints in one comma list, also in `X-SPOT-Endpoints`: a host has a few addresses, not
/// hundreds.
pub const MAX_ENDPOINTS_PER_LIST: usize = 16;

// Messages and frames.

/// Default of MAXMSGSIZE, the largest payload: large enough for files, small enough that one peer
/// cannot make us allocate without end.
pub const DEFAULT_MAX_MESSAGE_BYTES: usize = 64 * 1024 * 1024;

/// Largest SPOT frame other than DATA. Longer lists are split, so that data never waits long behind
/// control.
pub const MAX_CONTROL_FRAME_BYTES: usize = 64 * 1024;

/// Longest explanation in a BYE frame.
pub const MAX_BYE_TEXT_BYTES: usize = 255;

/// Messages that a node may have published to a topic's owner before the owner grants credit anew.
pub const UPSTREAM_WINDOW_MESSAGES: usize = 1000;

/// Payload bytes of the same; the last message may go past it.
pub const UPSTREAM_WINDOW_BYTES: usize = 4 * 1024 * 1024;

/// Most connections that are gone and of which messages still wait for room at blocking subscribers: each may hold as much
/// as the windows of what was published over it.
pub const MAX_REMAINING_CONNECTIONS: usize = 64;

/// Streams published to us that have ended and still wait for room, on each link: each may hold as much as a window. What
/// waits of further ones is not waited for.
pub const MAX_ENDING_UPSTREAMS: usize = 16;

/// Streams to a topic's owner that it remembers after their links were cut, for each topic: as many publishers as may
/// reconnect at once when an owner was cut off, in 40 bytes each. Of a further one it is not known how much was lost.
pub const MAX_CUT_UPSTREAMS: usize = 1024;

/// Owners of a topic to each of which what is published there goes on with its numbers, some 100 bytes each: more than a
/// topic has owners. To one that was forgotten numbers begin anew, in a later life of the stream, so that a loss meanwhile
/// shows without its number.
pub const MAX_OWNERS_SENT_TO: usize = 64;

/// Most classes of one filter in an INTEREST entry: even at ten bytes each they fit a control
/// frame.
pub const MAX_CLASSES_PER_FILTER: usize = 4096;

// State a peer may make us keep, per link.

/// Most aliases in force on a link. Their numbers are the sender's own: it may know far more topics than it offers.
pub const MAX_ALIASES: usize = 1 << 21;

/// Most filters a peer may have in force on a link.
pub const MAX_FILTERS_PER_LINK: usize = 1 << 18;

/// Most patterns among them: each is tried on every new topic, and one of many sets takes kilobytes
/// compiled.
pub const MAX_PATTERNS_PER_LINK: usize = 1 << 14;

/// Most topics a peer may offer on a link; they take some 300 bytes each.
pub const MAX_TOPICS_PER_LINK: usize = 1 << 21;

/// Most bytes of answers (PONG, SYNC_ACK, INTEREST_ACK, QUERY_RESP) that wait for a peer which goes on asking: far more
/// than a socket's buffers hold, so that only a peer that does not read gets there.
pub const MAX_UNREAD_ANSWER_BYTES: usize = 4 * 1024 * 1024;

/// Most streams that a peer may ask to go on with: what a short outage cut of a busy link. The others show what was missed
/// as a gap, as they would without history.
pub const MAX_RESUMED_PER_LINK: usize = 1 << 16;

/// Most subscriptions for which a peer may ask for history at once, before the INTEREST that they belong to. Those beyond
/// begin without history.
pub const MAX_REPLAYS_PER_LINK: usize = 1 << 16;

/// What changes of the offered topics amount to is told this long after the first of them: a burst is told once, and what a
/// peer has missed of it does not stay unknown for long.
pub const DIGEST_AFTER_MS: u64 = 1000;

/// A peer that has missed some asks for the whole list, and again after this long: its answer takes a round trip.
pub const RELIST_MIN_MS: u64 = 1000;

/// The longest pause before it asks again: a peer with which we cannot agree costs little.
pub const RELIST_MAX_MS: u64 = 60_000;

/// Most bytes kept, for each link, of streams whose topics the other side has not offered as far as we know: as much as waits
/// on a new path, for the second or so that it takes to find out.
pub const MAX_UNOFFERED_BYTES: usize = MAX_SPLICE_BYTES;

// Relaying.

/// Most relaying nodes that a message may pass: more than any sensible chain of hubs has, and few enough that news of a
/// topic which nobody hosts any more soon stops going round a ring of them.
pub const MAX_RELAY_HOPS: u8 = 8;

/// Messages that wait at a hub for a subscriber behind it that blocks. Credit for a whole window may be on its way twice
/// when the subscriber's link or path has changed; what goes beyond is lost and told as a gap.
pub const MAX_RELAY_BACKLOG_MESSAGES: usize = 4 * UPSTREAM_WINDOW_MESSAGES;

/// What a link asks a hub for is acknowledged after this long even if what the hub asks for in its place is not. Hubs in a
/// ring acknowledge in order, so each may come to wait for the next one, all around.
pub const RELAY_ACK_MS: u64 = 10_000;

/// Messages of a stream that wait on a new path for the last ones of the old path.
pub const MAX_SPLICE_MESSAGES: usize = UPSTREAM_WINDOW_MESSAGES;

/// Payload bytes of the same.
pub const MAX_SPLICE_BYTES: usize = UPSTREAM_WINDOW_BYTES;

// History.

/// Most messages kept of a topic: each takes some 80 bytes beside a payload that is not small, so a topic's history stays
/// below 100 MB of its own.
pub const MAX_HISTORY_MESSAGES: usize = 1 << 20;

/// Owners that a subscription remembers to have had its history from, so that one that is back is not asked twice: as many
/// as topics that were forgotten when their link was cut.
pub const MAX_OWNERS_REMEMBERED: usize = 1024;

// Membership.

/// Most members known, those that left among them until they are forgotten: twice the largest clusters that gossip is
/// reported to work in, and about a megabyte.
pub const MAX_MEMBERS: usize = 4096;

/// Longest GOSSIP packet: it holds some 140 members, so a newcomer learns of a usual cluster at once, and data does not
/// wait behind it.
pub const MAX_GOSSIP_BYTES: usize = 4096;

/// How often a GOSSIP frame may be forwarded: a chain of nine nodes still hears from both its ends, and what runs in a
/// circle ends soon.
pub const MAX_GOSSIP_HOPS: u8 = 8;

/// Most gossip that waits ahead of a link's queue; more is dropped, as it would be stale when it is written. The failure
/// detector is made for lost packets.
pub const MAX_WAITING_GOSSIP_BYTES: usize = 256 * 1024;

/// Each member asks one other whether it is alive this often. A silent member of a small cluster is suspect after two of
/// these on average, three at most.
pub const PROBE_INTERVAL_MS: u64 = 1000;

/// An answer is asked for by way of others after this long: far more than a round trip, and early enough that those can
/// answer within the interval.
pub const PROBE_ANSWER_MS: u64 = 400;

/// How many others are asked to ask: that all three fail by chance is unlikely.
pub const INDIRECT_PROBES: usize = 3;

/// A suspect member that does not speak up for this long is down: with the time that suspecting takes, about the 6 s
/// after which a silent link is given up.
pub const SUSPICION_MS: u64 = 4000;

/// How often a change of a member is passed on by each member: more than the logarithm of any cluster's size needs.
pub const GOSSIP_TRANSMISSIONS: u8 = 10;

/// As long as there are changes to pass on, they are sent this often instead of waiting for the next probe.
pub const GOSSIP_SPREAD_MS: u64 = 200;

/// A member compares its list with that of another this often, in case both missed something.
pub const GOSSIP_COMPARE_MS: u64 = 30_000;

/// Members that are down are spoken to this often, two at a time: they may be cut off and not know it.
pub const GOSSIP_DOWN_MS: u64 = 10_000;

/// A linked member that is held for down, or that does not gossip yet, is spoken to again after this long.
pub const ANNOUNCE_AGAIN_MS: u64 = 2000;

/// Most members that are down which are spoken to at once after something has changed.
pub const MAX_ANNOUNCED: usize = 32;

/// A member that a neighbour tells of as alive is taken for alive this long without a word of its own: gossip reaches
/// every member in a fraction of that.
pub const MEMBER_PRESUMED_MS: u64 = 10_000;

/// A member that is down, or left, is remembered this long: a machine that is repaired within a day comes back as the
/// same member, and what was cut off longer may tell of members that others have forgotten.
pub const MEMBER_FORGET_MS: u64 = 24 * 60 * 60 * 1000;

/// Largest SPOT_CLUSTER_SIZE: as many members as are known.
pub const MAX_CLUSTER_SIZE: usize = MAX_MEMBERS;

// Queues.

/// Default SNDHWM (per link) and RCVHWM (per subscriber), in messages. ZeroMQ's default, so that
/// programs moved from there behave the same.
pub const DEFAULT_HWM: usize = 1000;

/// Default of SPOT_HWM_BYTES, the bytes a queue may hold: one message of the largest default size
/// still fits.
pub const DEFAULT_HWM_BYTES: usize = 64 * 1024 * 1024;

// Times.

/// First wait before dialling again: short, because most losses are a restart.
pub const RECONNECT_MIN_MS: u64 = 100;

/// Longest wait before dialling again: waits double up to here, so a node that returns is found in
/// seconds.
pub const RECONNECT_MAX_MS: u64 = 5000;

/// Longest wait while a peer that was there is expected back: with it, a node that restarts after a few seconds is heard
/// again within two.
pub const RETURN_PAUSE_MAX_MS: u64 = 1500;

/// How long a peer is expected back: restarts take seconds. Later the waits may grow, so that the many peers of a node
/// that is gone do not go on knocking.
pub const RETURN_EXPECTED_MS: u64 = 10_000;

/// A dial without an answer is given up after this: a dropped SYN is retried sooner than the kernel
/// would.
pub const DIAL_TIMEOUT_MS: u64 = 3000;

/// A connection that has not finished its ZMTP handshake after this is closed: it would hold a slot
/// for ever.
pub const HANDSHAKE_TIMEOUT_MS: u64 = 10_000;

/// Default of SPOT_CONNECT_TIMEOUT: how long `topic_route` waits for its endpoint.
pub const CONNECT_TIMEOUT_MS: u64 = 1000;

/// Time between two PINGs.
pub const HEARTBEAT_INTERVAL_MS: u64 = 2000;

/// Intervals without any sign of life after a PING, after which a peer is dead: two lost PINGs are
/// forgiven, so a silent peer is found 6 to 8 s after its last sign of life by default.
pub const HEARTBEAT_MISSES: u32 = 3;

/// Gaps of a node are logged at most this often, together: a slow link makes thousands a second.
pub const GAP_LOG_PAUSE_MS: u64 = 1000;

/// File descriptors that no connection takes, or an eighth of all where that is less: the process needs some for its files,
/// and for those who ask it how it is.
pub const KEPT_BACK_DESCRIPTORS: u64 = 16;

/// Default LINGER: how long closing waits for queued outbound data.
pub const LINGER_MS: u64 = 1000;

/// How long a node that leaves waits, within LINGER, until others have ceased to publish to it: a round trip and what is
/// queued before it. One that is frozen does not hold up the end.
pub const CEASE_MS: u64 = 2000;

/// How long an owner waits for a publisher elsewhere whose last way was cut. Then it is taken for dead, and with it the count of
/// what it may have lost: much longer than it takes to connect again, or to restart.
pub const PUBLISHER_GONE_MS: u64 = 60_000;

/// Streams of such publishers that are waited for at once; of more the first is given up.
pub const MAX_PUBLISHERS_AWAITED: usize = 65_536;

/// TCP keepalive idle time: the floor that finds a dead peer when heartbeats are switched off.
pub const TCP_KEEPALIVE_IDLE_S: u64 = 30;
