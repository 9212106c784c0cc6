/*
 * ServerLink SPOT: location-transparent publish/subscribe, without a broker.
 *
 * A topic is hosted on one node (there it is LOCAL) and reachable from every other node of the
 * cluster (there it is REMOTE). The same subscribe, publish and recv serve both.
 *
 *     slk_ctx_t *ctx = slk_ctx_new();
 *     slk_spot_t *spot = slk_spot_new(ctx);
 *     slk_spot_topic_create(spot, "chat:lobby");
 *     slk_spot_subscribe(spot, "chat:lobby");
 *     slk_spot_publish(spot, "chat:lobby", "hello", 5);
 *
 *     char topic[256], data[4096];
 *     size_t topic_len, data_len;
 *     slk_spot_recv(spot, topic, sizeof topic, &topic_len, data, sizeof data, &data_len, 0);
 *
 *     slk_spot_destroy(&spot);
 *     slk_ctx_destroy(ctx);
 *
 * RESULTS. Unless said otherwise a call returns 0, or -1 with the reason in slk_errno() and, as a
 * sentence, in slk_errmsg(). A call that fails changes nothing, unless said otherwise. Every call that takes a handle may fail with
 *     SLK_EINVAL     a NULL, destroyed, foreign or made-up handle; any other NULL that is not allowed
 *     SLK_ETERM      the handle is being destroyed by another thread
 *     SLK_EINTERNAL  a bug in this library; the call was abandoned
 * The calls that start a node (see slk_spot_new) may besides report what the system refused.
 *
 * THREADS. Every function may be called from any thread, and every handle may be used from any
 * number of threads at once. A blocked call holds up no other call. "Does not block" below means:
 * for no longer than it takes to have a short lock.
 *
 * HANDLES are not addresses. One that was destroyed is recognised and refused with SLK_EINVAL, also
 * after others have been made.
 *
 * FORK. The child of a fork() may make a context of its own whatever the parent was doing. The
 * parent's handles answer SLK_EINVAL there; nothing of the parent is disturbed.
 *
 * TEXT is UTF-8 and ends with NUL. A topic name has 1 to 255 bytes; `:` separates levels by custom.
 */
#ifndef SERVERLINK_H
#define SERVERLINK_H

#include <stddef.h>
#include <stdint.h>

#if defined(_WIN32)
#define SLK_EXPORT __declspec(dllimport)
#elif defined(__GNUC__)
#define SLK_EXPORT __attribute__((visibility("default")))
#else
#define SLK_EXPORT
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* ------------------------------------------------------------------------------------------------
 * Version and capabilities
 * --------------------------------------------------------------------------------------------- */

/* The version of this header. slk_version() tells that of the library. */
#define SLK_VERSION_MAJOR 0
#define SLK_VERSION_MINOR 1
#define SLK_VERSION_PATCH 0

#define SLK_MAKE_VERSION(major, minor, patch) ((major)*10000 + (minor)*100 + (patch))
#define SLK_VERSION \
    SLK_MAKE_VERSION(SLK_VERSION_MAJOR, SLK_VERSION_MINOR, SLK_VERSION_PATCH)

/* The version of the library. Any of the three may be NULL. */
SLK_EXPORT void slk_version(int *major, int *minor, int *patch);

/*
 * 1 if the library has the capability, otherwise 0 (also for NULL and for unknown words).
 * Transports: "tcp" "ipc" "inproc". Others: "relay" "history" "gossip" "quorum"; and those that this version
 * may lack: "curve" "plain". An option that needs a capability which is absent refuses every value
 * but its default.
 */
SLK_EXPORT int slk_has(const char *capability);

/* ------------------------------------------------------------------------------------------------
 * Errors
 * --------------------------------------------------------------------------------------------- */

#define SLK_EINVAL 1          /* an argument is not what the call takes */
#define SLK_ENOMEM 2          /* no memory */
#define SLK_EAGAIN 3          /* nothing there, or no room, within the time allowed */
#define SLK_ENOTSOCK 4        /* not a socket */
#define SLK_EPROTO 5          /* protocol error */
#define SLK_ETERM 6           /* the handle was destroyed while the call was in progress */
#define SLK_EMTHREAD 7        /* no I/O thread available */
#define SLK_EHOSTUNREACH 10   /* the node that is needed cannot be reached, or was lost */
#define SLK_ENOTREADY 11      /* not ready: no majority of the cluster is reachable */
#define SLK_EPEERUNREACH 12   /* ended by the other side, see slk_spot_recv */
#define SLK_EAUTH 13          /* authentication failed */
#define SLK_ENOENT 14         /* there is no such topic, peer or subscription */
#define SLK_EEXIST 17         /* there is one already */
#define SLK_EMSGSIZE 90       /* message too large, or buffer too small */
#define SLK_EADDRINUSE 98     /* the address is in use by somebody else */
#define SLK_EADDRNOTAVAIL 99  /* this machine has no such address */
#define SLK_ETIMEDOUT 110     /* the time is up */
#define SLK_ECONNREFUSED 111  /* connection refused */
#define SLK_EINTERNAL 999     /* a bug in this library */

/*
 * Any other error of the system keeps its own number, or 1000 + it where that is below 32 and so
 * might be taken: EACCES is 1013, EMFILE is 1024.
 */

/* Why the last call of this thread that failed did fail. Calls that succeed leave it alone. */
SLK_EXPORT int slk_errno(void);

/*
 * What went wrong in the last call of this thread that failed, in a sentence that names the value and
 * what to do about it: "tcp://127.0.0.1:5555 is in use; choose another port or stop the program that
 * holds it". Never NULL, never to be freed; valid until the thread's next call that fails, so copy it
 * to keep it. For people: programs test slk_errno(), as the words may change with any version.
 */
SLK_EXPORT const char *slk_errmsg(void);

/* What an error number means in general. Never NULL, never to be freed; for a number that means nothing the text stays
 * valid until the thread's next slk_strerror. */
SLK_EXPORT const char *slk_strerror(int errnum);

/* ------------------------------------------------------------------------------------------------
 * Time
 * --------------------------------------------------------------------------------------------- */

/* Microseconds of a clock that never goes back. Only differences mean something. */
SLK_EXPORT uint64_t slk_clock(void);

/* Sleeps for so many milliseconds; not at all for 0 and below. */
SLK_EXPORT void slk_sleep(int ms);

/* ------------------------------------------------------------------------------------------------
 * Contexts
 * --------------------------------------------------------------------------------------------- */

/* I/O threads that a group of SPOT instances shares. Instances of one context find each other's
 * topics without a network. */
typedef struct slk_ctx slk_ctx_t;

/* One SPOT instance: a node of the cluster, and one subscriber on it. */
typedef struct slk_spot slk_spot_t;

/* A generic socket. Reserved: this version has none. */
typedef struct slk_socket slk_socket_t;

/* A file descriptor to poll. */
#if defined(_WIN32)
typedef uintptr_t slk_fd_t;
#else
typedef int slk_fd_t;
#endif

/* A new context, or NULL: SLK_ENOMEM. Starts no thread yet. */
SLK_EXPORT slk_ctx_t *slk_ctx_new(void);

/*
 * Destroys the context and every instance in it, as slk_spot_destroy does. Blocks up to the longest
 * LINGER among them. A NULL, foreign or destroyed context is left alone.
 */
SLK_EXPORT void slk_ctx_destroy(slk_ctx_t *ctx);

/* Context options. All are fixed once the context has had its first instance. */
#define SLK_IO_THREADS 1          /* int, 1 to 64, default 1 */
#define SLK_MAX_SOCKETS 2         /* int, instances the context may hold, from 1, default 1023 */
#define SLK_THREAD_NAME_PREFIX 10 /* text, up to 12 bytes, default "spot" */

/*
 * Sets or reads a context option; `value` and `len` are as for slk_spot_setsockopt and _getsockopt.
 * SLK_EINVAL: unknown option, wrong length, out of range, or (set) fixed already.
 */
SLK_EXPORT int slk_ctx_set(slk_ctx_t *ctx, int option, const void *value, size_t len);
SLK_EXPORT int slk_ctx_get(slk_ctx_t *ctx, int option, void *value, size_t *len);

/* ------------------------------------------------------------------------------------------------
 * SPOT instances
 * --------------------------------------------------------------------------------------------- */

/*
 * A new instance, or NULL: SLK_EINVAL (no such context), 1024 (EMFILE: the context holds
 * SLK_MAX_SOCKETS instances), SLK_ENOMEM, or what the system refused the I/O threads with.
 * Its node starts at the first call that is not an option; see SLK_SPOT_NODE_NAME.
 */
SLK_EXPORT slk_spot_t *slk_spot_new(slk_ctx_t *ctx);

/*
 * Destroys the instance and sets *spot to NULL. Calls blocked on it return SLK_ETERM; queued
 * outbound data is sent for up to LINGER, and for so long this may block. NULL, a pointer to NULL,
 * and a handle destroyed before are left alone.
 */
SLK_EXPORT void slk_spot_destroy(slk_spot_t **spot);

/* ------------------------------------------------------------------------------------------------
 * Topics
 * --------------------------------------------------------------------------------------------- */

/*
 * Hosts the topic here: it becomes LOCAL. Peers learn of it by themselves. Does not block.
 * SLK_EINVAL: not a topic name. SLK_EEXIST: hosted here, or routed with slk_spot_topic_route.
 */
SLK_EXPORT int slk_spot_topic_create(slk_spot_t *spot, const char *topic);

/*
 * Says that the topic is REMOTE at `endpoint`, and there alone. `endpoint` may list several,
 * "tcp://a:1,tcp://b:1", the first preferred: then failover and fail-back are automatic.
 * Blocks until one is connected, up to SLK_SPOT_CONNECT_TIMEOUT.
 * SLK_EHOSTUNREACH: none was reached; nothing is registered. SLK_EEXIST: hosted here, or its route
 * works; a route that does not is replaced. SLK_EINVAL: not a topic name, or not an endpoint.
 */
SLK_EXPORT int slk_spot_topic_route(slk_spot_t *spot, const char *topic, const char *endpoint);

/*
 * Stops hosting the topic, or forgets its route. Peers learn of it at once. Does not block.
 * SLK_ENOENT: neither hosted nor routed here. SLK_EINVAL: not a topic name.
 */
SLK_EXPORT int slk_spot_topic_destroy(slk_spot_t *spot, const char *topic);

/*
 * The topics known here, LOCAL and REMOTE, sorted by name. *topics is an array of *count texts and
 * one NULL after them; it is to be freed with slk_spot_list_topics_free. Does not block.
 * SLK_ENOMEM.
 */
SLK_EXPORT int slk_spot_list_topics(slk_spot_t *spot, char ***topics, size_t *count);

/* Frees what slk_spot_list_topics gave; NULL is left alone. */
SLK_EXPORT void slk_spot_list_topics_free(char **topics, size_t count);

/* 1 if the topic is known here, LOCAL or REMOTE; 0 if not; -1: SLK_EINVAL. Does not block. */
SLK_EXPORT int slk_spot_topic_exists(slk_spot_t *spot, const char *topic);

/* 1 if the topic is hosted here; 0 if it is REMOTE or unknown; -1: SLK_EINVAL. Does not block. */
SLK_EXPORT int slk_spot_topic_is_local(slk_spot_t *spot, const char *topic);

/* ------------------------------------------------------------------------------------------------
 * Subscriptions
 * --------------------------------------------------------------------------------------------- */

/*
 * Subscribes to exactly this topic. Twice is once. It does not wait for the network; see
 * slk_spot_wait_subscribed. The subscription survives reconnects and restarts of the owner.
 * A topic unknown here is kept as an interest while there is a peer that may come to offer it.
 * SLK_ENOENT: unknown, no peers, and no other instance of this context hosts it. SLK_EHOSTUNREACH:
 * its owner is known and not reachable now. SLK_EINVAL: not a topic name.
 */
SLK_EXPORT int slk_spot_subscribe(slk_spot_t *spot, const char *topic);

/*
 * Subscribes to all topics, LOCAL and REMOTE, present and future, whose whole name matches: `*` any
 * run of bytes, `?` any one, `[a-z]` one of a set, `[!a-z]` one outside it, `\` takes the next as it
 * is. A message that matches several subscriptions of
 * an instance arrives once. SLK_EINVAL: not a pattern.
 */
SLK_EXPORT int slk_spot_subscribe_pattern(slk_spot_t *spot, const char *pattern);

/*
 * Ends the subscription to this topic or pattern at once; what is queued for it alone is discarded.
 * SLK_ENOENT: not subscribed to it.
 */
SLK_EXPORT int slk_spot_unsubscribe(slk_spot_t *spot, const char *topic_or_pattern);

/*
 * Blocks until the subscriptions are acknowledged by every owner that is reachable, so that nothing
 * published from then on is missed; for a `topic` also until an owner of it is known and reachable.
 * NULL means all subscriptions. timeout_ms: -1 is for ever.
 * SLK_ETIMEDOUT. SLK_ENOENT: not subscribed to the topic. SLK_EINVAL: not a topic name.
 */
SLK_EXPORT int slk_spot_wait_subscribed(slk_spot_t *spot, const char *topic, int timeout_ms);

/*
 * Blocks until at least `count` subscribers listen to the topic: those in this process, and one for
 * each interested link. timeout_ms: -1 is for ever.
 * SLK_ETIMEDOUT. SLK_ENOENT: the topic is not known here. SLK_EINVAL: count below 0.
 */
SLK_EXPORT int slk_spot_wait_subscribers(slk_spot_t *spot, const char *topic, int count,
                                         int timeout_ms);

/* ------------------------------------------------------------------------------------------------
 * Messages
 * --------------------------------------------------------------------------------------------- */

/* As the last argument of slk_spot_recv: do not wait. */
#define SLK_DONTWAIT 1
/* Of generic sockets; no meaning here. */
#define SLK_SNDMORE 2

/*
 * Publishes `len` bytes, which are copied. On a LOCAL topic they go to the subscribers here and to
 * every interested link; on a REMOTE one to its owner, which hands them on. NULL with 0 is an empty
 * message. Blocks only for subscribers whose overflow policy is SLK_SPOT_BLOCK, up to SLK_SNDTIMEO.
 * Whatever the error, no subscriber got the message:
 * SLK_ENOENT: unknown topic. SLK_EHOSTUNREACH: no owner is reachable now. SLK_EAGAIN: a blocking
 * subscriber had no room. SLK_EMSGSIZE: larger than SLK_MAXMSGSIZE. SLK_EINVAL: not a topic name.
 * SLK_ENOTREADY: with SLK_SPOT_MINORITY 1, no majority of the cluster is reachable.
 */
SLK_EXPORT int slk_spot_publish(slk_spot_t *spot, const char *topic, const void *data, size_t len);

/* One of the messages of slk_spot_publish_many. */
typedef struct slk_buf_t {
    const void *data; /* NULL only with len 0 */
    size_t len;
} slk_buf_t;

/*
 * Publishes messages in order, cheaper than one by one. *published (where not NULL) tells how many
 * were accepted, also on an error, which is then that of the next one. Errors as slk_spot_publish.
 */
SLK_EXPORT int slk_spot_publish_many(slk_spot_t *spot, const char *topic, const slk_buf_t *messages,
                                     size_t count, size_t *published);

/*
 * Receives a message: its topic into `topic`, its data into `data`, their lengths into *topic_len
 * and *data_len. Each is followed by a NUL where there is room for one; the lengths do not count it.
 * `topic` (or `data`) may be NULL with size 0, and topic_len and data_len may be NULL.
 * Flags: 0 waits as SLK_RCVTIMEO says (by default for ever); 1 (SLK_DONTWAIT) does not wait; -1
 * waits for ever; any other number n > 1 waits n milliseconds.
 *
 * SLK_EAGAIN: nothing came.
 * SLK_EMSGSIZE: a buffer is too small; *topic_len and *data_len tell the sizes needed, and the
 *     message stays first in line.
 * SLK_EHOSTUNREACH: a node that served a subscription was lost. What it had sent came before; this
 *     is told once for each loss, and the subscriptions stay. A route that fails over to another of
 *     its endpoints, slk_spot_cluster_remove and slk_spot_unsubscribe raise none.
 * SLK_EPEERUNREACH: with the overflow policy SLK_SPOT_DISCONNECT, this instance was too slow and its
 *     subscriptions were ended. Told once; it may subscribe again.
 */
SLK_EXPORT int slk_spot_recv(slk_spot_t *spot, char *topic, size_t topic_size, size_t *topic_len,
                             void *data, size_t data_size, size_t *data_len, int flags);

/*
 * A descriptor that is readable exactly while slk_spot_recv(SLK_DONTWAIT) would answer anything but
 * SLK_EAGAIN: for select, poll and epoll (level-triggered). It belongs to the instance and dies with
 * it: only poll it.
 */
SLK_EXPORT int slk_spot_fd(slk_spot_t *spot, slk_fd_t *fd);

/*
 * A topic resolved once: publishing on it needs no look-up. It stays valid until destroyed; when its
 * instance goes first, publishing fails with SLK_ETERM.
 */
typedef struct slk_spot_publisher slk_spot_publisher_t;

/* A publisher, or NULL; errors as slk_spot_publish. */
SLK_EXPORT slk_spot_publisher_t *slk_spot_publisher_new(slk_spot_t *spot, const char *topic);

/* As slk_spot_publish and slk_spot_publish_many. */
SLK_EXPORT int slk_spot_publisher_publish(slk_spot_publisher_t *publisher, const void *data,
                                          size_t len);
SLK_EXPORT int slk_spot_publisher_publish_many(slk_spot_publisher_t *publisher,
                                               const slk_buf_t *messages, size_t count,
                                               size_t *published);

/* Destroys it and sets *publisher to NULL. Misuse is harmless, as with slk_spot_destroy. */
SLK_EXPORT void slk_spot_publisher_destroy(slk_spot_publisher_t **publisher);

/* ------------------------------------------------------------------------------------------------
 * Cluster
 * --------------------------------------------------------------------------------------------- */

/*
 * Accepts links at `endpoint`: "tcp://ADDRESS:PORT" with `*` for all addresses and port 0 for a free
 * one, "tcp://[::1]:5555", "ipc://PATH", "inproc://NAME". Several binds are allowed;
 * SLK_LAST_ENDPOINT tells the latest. Does not block.
 * SLK_EINVAL: not an endpoint. SLK_EEXIST: bound by this instance. SLK_EADDRINUSE.
 * SLK_EADDRNOTAVAIL. 1013 (EACCES), and whatever else the system says.
 */
SLK_EXPORT int slk_spot_bind(slk_spot_t *spot, const char *endpoint);

/*
 * Adds a peer and returns at once. Connecting, and reconnecting for ever, go on in the background;
 * start order does not matter. The link serves both sides.
 * SLK_EINVAL: not an endpoint to connect to, or known to be this very node. SLK_EEXIST: added before.
 */
SLK_EXPORT int slk_spot_cluster_add(slk_spot_t *spot, const char *endpoint);

/*
 * Removes a peer: its link closes, topics known only through it are forgotten, and its links are
 * refused until it is added again. Subscriptions stay. SLK_ENOENT: never added. SLK_EINVAL.
 */
SLK_EXPORT int slk_spot_cluster_remove(slk_spot_t *spot, const char *endpoint);

/*
 * Asks every peer for its topics and blocks until all have answered. timeout_ms: -1 is for ever.
 * 0 also when there are no peers. Whatever was learnt is kept when it fails:
 * SLK_EHOSTUNREACH: a peer is not connected. SLK_ETIMEDOUT: connected, and silent.
 */
SLK_EXPORT int slk_spot_cluster_sync(slk_spot_t *spot, int timeout_ms);

/* What slk_spot_init_production sets up. */
typedef struct {
    const char *bind_endpoint;        /* see slk_spot_bind */
    const char *const *cluster_peers; /* peer_count endpoints, see slk_spot_cluster_add */
    int peer_count;
    int sndhwm; /* messages, see slk_spot_set_hwm */
    int rcvhwm;
    int sync_timeout_ms; /* of the first sync, see slk_spot_cluster_sync */
} slk_production_t;

/*
 * Sets an instance up in one call: queues, bind, peers, and a first sync, which blocks for up to
 * sync_timeout_ms. 0: all is done. More than 0: so many peers were refused, or the sync is
 * incomplete, as nodes start in any order; slk_errno and slk_errmsg tell the last reason, and the
 * instance goes on and connects when it can. -1: it is not bound, with the errors of slk_spot_bind,
 * or SLK_EINVAL.
 */
SLK_EXPORT int slk_spot_init_production(slk_spot_t *spot, const slk_production_t *config);

/* How a peer stands. */
#define SLK_PEER_CONNECTING 1 /* a connection or handshake is under way */
#define SLK_PEER_CONNECTED 2  /* the link is up */
#define SLK_PEER_BACKOFF 3    /* waiting to try again */
#define SLK_PEER_ITSELF 4     /* the endpoint turned out to be this very node */

/* What is not known. */
#define SLK_UNKNOWN ((uint64_t)-1)

/* What is known of a peer. What concerns the link begins anew with each link, and is 0 while it is down. */
typedef struct slk_peer_t {
    char *endpoint;                /* as it was added, or the address it linked to us from */
    char *name;                    /* its SLK_SPOT_NODE_NAME; "" without one */
    char *node_id;                 /* 32 hexadecimal digits; "" if not known (yet), or plain ZeroMQ */
    int state;                     /* SLK_PEER_... */
    int added;                     /* 1 if we added it, 0 if it linked to us */
    uint64_t topics;               /* topics it offers */
    uint64_t connected_ms;         /* how long the link is up; 0 while it is down */
    uint64_t queued_messages;      /* waiting to be sent to it */
    uint64_t queued_bytes;         /* their data */
    uint64_t queue_high_water;     /* most messages that ever waited on this link */
    uint64_t dropped_messages;     /* lost to its full queue */
    uint64_t sent_messages;        /* over this link */
    uint64_t sent_bytes;           /* with frames, control and heartbeats, after the handshake */
    uint64_t received_messages;
    uint64_t received_bytes;
    uint64_t round_trip_us;        /* smoothed, by its answers to heartbeats; SLK_UNKNOWN before the first */
    uint64_t last_round_trip_us;   /* the last one, likewise */
    uint64_t reconnects;           /* links to it after the first one */
    uint64_t reserved[4];          /* 0 */
} slk_peer_t;

/* The peers: those added, and those that linked to us. To be freed with slk_spot_peers_free. Does
 * not block. SLK_ENOMEM. */
SLK_EXPORT int slk_spot_peers(slk_spot_t *spot, slk_peer_t **peers, size_t *count);

/* Frees what slk_spot_peers gave; NULL is left alone. */
SLK_EXPORT void slk_spot_peers_free(slk_peer_t *peers, size_t count);

/* How a member is. */
#define SLK_MEMBER_ALIVE 1   /* it answers */
#define SLK_MEMBER_SUSPECT 2 /* it did not answer lately; it counts as reachable until it is down */
#define SLK_MEMBER_DOWN 3    /* it is down, or cut off from here */

/* A member of the cluster: a node that is linked to this one, or to one that is, and so on. */
typedef struct slk_member_t {
    char *node_id;        /* 32 hexadecimal digits */
    char *name;           /* its SLK_SPOT_NODE_NAME; "" without one */
    char *endpoints;      /* where it can be reached, as far as known: a comma list, or "" */
    uint64_t incarnation; /* which of its lives is known: higher after every start */
    int state;            /* SLK_MEMBER_... */
    int reachable;        /* 1, or 0 if it is down */
    int itself;           /* 1 for this very node */
    int reserved_int;     /* 0 */
    uint64_t reserved[4]; /* 0 */
} slk_member_t;

/* The cluster as this node sees it. Command-line tools are no members. */
typedef struct slk_cluster_status_t {
    uint64_t size;        /* members there are to be: SLK_SPOT_CLUSTER_SIZE, or those known */
    uint64_t reachable;   /* members that are not down, this node among them */
    uint64_t quorum;      /* members that make a majority: more than half of size */
    uint64_t has_quorum;  /* 1 if so many are reachable */
    uint64_t partitioned; /* 1 if a known member is not reachable */
} slk_cluster_status_t;

/*
 * Fills *status, `size` bytes, which is to be sizeof(slk_cluster_status_t) and is treated as in
 * slk_spot_stats; and lists the members by node id, this node among them, to be freed with
 * slk_spot_cluster_members_free. `members` and `count` may both be NULL. A member that took its leave
 * is none any more; one that is down stays one until it returns, another node answers at its
 * endpoint, or a day is over. Does not block. SLK_EINVAL: size below 8. SLK_ENOMEM.
 */
SLK_EXPORT int slk_spot_cluster_status(slk_spot_t *spot, slk_cluster_status_t *status, size_t size,
                                       slk_member_t **members, size_t *count);

/* Frees the members that slk_spot_cluster_status gave; NULL is left alone. */
SLK_EXPORT void slk_spot_cluster_members_free(slk_member_t *members, size_t count);

/* ------------------------------------------------------------------------------------------------
 * Options of an instance
 * --------------------------------------------------------------------------------------------- */

/*
 * int values unless said. Times are milliseconds unless said. [link]: applies to links and binds
 * made later; the others apply at once.
 */
#define SLK_ROUTING_ID 5         /* read only: the node's id, 16 bytes. Reading it starts the node */
#define SLK_SNDBUF 11            /* [link] kernel send buffer in bytes; -1, the default: the system's */
#define SLK_RCVBUF 12            /* [link] kernel receive buffer in bytes; likewise */
#define SLK_LINGER 17            /* how long destroying may send; -1 for ever, default 1000 */
#define SLK_RECONNECT_IVL 18     /* [link] first pause before a reconnect, 1 to the longest one,
                                    default 100 */
#define SLK_BACKLOG 19           /* [link] connections not yet accepted, 1 to 65535, default 1024 */
#define SLK_RECONNECT_IVL_MAX 21 /* [link] longest such pause, up to a day, default 5000 */
#define SLK_MAXMSGSIZE 22        /* int or int64_t: bytes of the largest message, 1 to 1 GiB,
                                    default 64 MiB */
#define SLK_SNDHWM 23            /* messages queued for a link; 0 unlimited, default 1000 */
#define SLK_RCVHWM 24            /* messages queued to be received; 0 unlimited, default 1000 */
#define SLK_TCP_NODELAY 26       /* [link] 1, the default, sends small writes at once; or 0 */
#define SLK_RCVTIMEO 27          /* how long recv(0) waits; -1 for ever, the default */
#define SLK_SNDTIMEO 28          /* how long publish waits; -1 for ever, the default */
#define SLK_LAST_ENDPOINT 32     /* read only, text: the latest bind with its real port, or "" */
#define SLK_TCP_KEEPALIVE 34     /* [link] 1, the default, probes idle connections; or 0 */
#define SLK_TCP_KEEPALIVE_CNT 35   /* [link] unanswered probes, 1 to 127, default 3 */
#define SLK_TCP_KEEPALIVE_IDLE 36  /* [link] seconds before the first, 1 to 32767, default 15 */
#define SLK_TCP_KEEPALIVE_INTVL 37 /* [link] seconds between them, 1 to 32767, default 5 */
#define SLK_HEARTBEAT_IVL 75     /* [link] pause between heartbeats; 0 sends none, default 2000 */
#define SLK_HEARTBEAT_TTL 76     /* [link] silence after which the peer is to give us up, up to
                                    6553500; 0, the default, does not ask */
#define SLK_HEARTBEAT_TIMEOUT 77 /* [link] silence after which a peer is dead; -1, the default, is
                                    three pauses */

#define SLK_SPOT_CONNECT_TIMEOUT 200 /* how long slk_spot_topic_route waits, default 1000 */
#define SLK_SPOT_RELAY 201           /* 1 makes this node a hub: it makes the topics of the nodes it is
                                        linked to known to the others, and passes on what they
                                        subscribe to and publish. Nodes of its own context are not
                                        among them. 0, the default, keeps them to itself */
#define SLK_SPOT_HISTORY 202         /* messages from before: see below; default 0, at most 1048576 */
#define SLK_SPOT_OVERFLOW 203        /* what happens when our receive queue is full; see below */
#define SLK_SPOT_NODE_NAME 204       /* text, 1 to 255 bytes: a named node keeps its id over restarts.
                                        SLK_EINVAL once the node has started */
#define SLK_SPOT_CLUSTER_SIZE 205    /* members of the whole cluster, up to 4096, the same on every
                                        node; 0, the default, takes those known that have not left */
#define SLK_SPOT_DISCOVERY 206       /* 0, the default: peers as listed; 1: also the members that
                                        peers tell of, at the endpoints they are bound to */
#define SLK_SPOT_MINORITY 207        /* without a majority: 0, the default, goes on; 1 refuses to
                                        publish, with SLK_ENOTREADY */
#define SLK_SPOT_SPIN 208            /* microseconds a receiver spins before it sleeps; -1 adaptive,
                                        the default */
#define SLK_SPOT_HWM_BYTES 209       /* size_t: bytes of each queue; 0 unlimited, default 64 MiB */

/*
 * SLK_SPOT_HISTORY n, in memory. Each topic hosted here, now or later, keeps its last n messages, up to
 * SLK_SPOT_HWM_BYTES of them; fewer than before are freed at once. Each subscription made from now on
 * begins with up to n of the last messages that the owner of each matching topic keeps (and no more
 * than find room in the receive queue), then goes on without hole or repetition; they are queued when
 * slk_spot_wait_subscribed returns. With 1 on both sides that is a last-value cache. A subscription
 * whose link was cut goes on after the last message it saw, as far as the owner has kept what it
 * missed, whatever its own SLK_SPOT_HISTORY is.
 */

/* Values of SLK_SPOT_OVERFLOW, which those who publish to this instance honour. */
#define SLK_SPOT_DROP_NEWEST 0 /* the message that finds no room is lost (the default) */
#define SLK_SPOT_DROP_OLDEST 1 /* the oldest message makes room */
#define SLK_SPOT_BLOCK 2       /* the publisher waits, up to its SLK_SNDTIMEO */
#define SLK_SPOT_DISCONNECT 3  /* our subscriptions end, see SLK_EPEERUNREACH in slk_spot_recv */

/*
 * Sets an option to the `len` bytes at `value`. A text may come with or without its NUL.
 * SLK_EINVAL: unknown option, wrong length, out of range, read only, or not in this version.
 */
SLK_EXPORT int slk_spot_setsockopt(slk_spot_t *spot, int option, const void *value, size_t len);

/*
 * Reads an option into the *len bytes at `value` and sets *len to its length; that of a text counts
 * its NUL. SLK_EINVAL: unknown option, or a buffer too small.
 */
SLK_EXPORT int slk_spot_getsockopt(slk_spot_t *spot, int option, void *value, size_t *len);

/* Sets SLK_SNDHWM and SLK_RCVHWM at once. SLK_EINVAL: a value below 0. */
SLK_EXPORT int slk_spot_set_hwm(slk_spot_t *spot, int sndhwm, int rcvhwm);

/* ------------------------------------------------------------------------------------------------
 * Monitoring
 * --------------------------------------------------------------------------------------------- */

/* Counters since the instance started, except those marked "now". */
typedef struct slk_stats_t {
    uint64_t published_messages;         /* accepted by slk_spot_publish */
    uint64_t published_bytes;            /* their data */
    uint64_t received_messages;          /* handed out by slk_spot_recv */
    uint64_t received_bytes;             /* their data */
    uint64_t dropped_at_receiver;        /* lost to a full receive queue here */
    uint64_t dropped_at_sender;          /* lost to a full queue of a link here */
    uint64_t missed_messages;            /* lost on the way to us, or to a topic hosted here */
    uint64_t duplicates_refused;         /* arrived twice, discarded once */
    uint64_t subscribers;                /* now: listeners of the topic; 0 for the whole instance */
    uint64_t subscriptions;              /* now */
    uint64_t topics;                     /* now: topics known */
    uint64_t links;                      /* now: links up */
    uint64_t reconnects;                 /* links after the first of their peer */
    uint64_t rejected_handshake_timeout; /* connections closed: no handshake in time */
    uint64_t rejected_handshake;         /* ... not ZMTP, or refused */
    uint64_t rejected_protocol;          /* ... malformed after the handshake */
    uint64_t rejected_heartbeat;         /* ... silent for too long */
    uint64_t commands_refused;           /* commands of the open protocol that were not carried out */
    uint64_t relayed_messages;           /* passed on for others as a hub, once for each link */
    uint64_t relayed_bytes;              /* payload bytes of these */
    uint64_t gaps;                       /* how often messages were missing, counted or not */
    uint64_t dropped_newest_at_receiver; /* of dropped_at_receiver: by SLK_SPOT_DROP_NEWEST, */
    uint64_t dropped_oldest_at_receiver; /* ... SLK_SPOT_DROP_OLDEST, */
    uint64_t dropped_block_at_receiver;  /* ... SLK_SPOT_BLOCK, where nobody could be held up, */
    uint64_t ended_at_receiver;          /* ... SLK_SPOT_DISCONNECT */
    uint64_t dropped_newest_at_sender;   /* of dropped_at_sender, by the policy of the subscribers */
    uint64_t dropped_oldest_at_sender;
    uint64_t dropped_block_at_sender;
    uint64_t ended_at_sender;
    uint64_t unhosted_messages;          /* others published them here on topics not hosted here */
    uint64_t link_sent_messages;         /* over all links, after the handshakes */
    uint64_t link_sent_bytes;            /* with frames, control and heartbeats */
    uint64_t link_received_messages;
    uint64_t link_received_bytes;
    uint64_t link_queue_high_water;      /* most messages that ever waited on one link */
    uint64_t queued_messages;            /* now: in our receive queue */
    uint64_t queued_bytes;               /* now: their data */
    uint64_t queue_high_water;           /* most messages that ever waited there */
    uint64_t connect_failures;           /* attempts to connect that failed */
    uint64_t accept_failures;            /* no descriptor was left for a connection */
    uint64_t handshake_timeout;          /* handshakes that failed, by why: none in time */
    uint64_t handshake_greeting;         /* ... no ZMTP */
    uint64_t handshake_version;          /* ... another version of ZMTP or of the SPOT link */
    uint64_t handshake_mechanism;        /* ... another security mechanism */
    uint64_t handshake_malformed;        /* ... malformed, or out of place */
    uint64_t handshake_socket_type;      /* ... a socket type that has no business here */
    uint64_t handshake_identity;         /* ... a SPOT node that does not say well who it is */
    uint64_t handshake_same_name;        /* ... two nodes of one name */
    uint64_t handshake_removed;          /* ... a node that slk_spot_cluster_remove removed */
    uint64_t handshake_itself;           /* ... this very node */
    uint64_t handshake_refused_by_peer;  /* ... the other side refused us */
    uint64_t messages_refused;           /* of plain ZeroMQ publishers: none of a topic */
    uint64_t topic_received_messages;    /* of a topic: came from other nodes, each once */
    uint64_t topic_received_bytes;       /* their data */
    uint64_t topic_dropped_messages;     /* of a topic: lost to full queues here, once for each */
    uint64_t history_messages;           /* now, of a topic: kept for those who come late */
    uint64_t history_bytes;              /* now: their data */
} slk_stats_t;

/*
 * Fills *stats, `size` bytes, which is to be sizeof(slk_stats_t): a program compiled with another
 * version of this header gets the counters both know and 0 for the others. Does not block.
 * `topic` NULL counts the whole instance, otherwise the topic since it is known here: published_...,
 * missed_messages, gaps, subscribers, topic_... and history_...; the others are 0, as the topic_... and
 * history_... are for the whole instance.
 * SLK_ENOENT: the topic is not known here. SLK_EINVAL: not a topic name; size below 8.
 */
SLK_EXPORT int slk_spot_stats(slk_spot_t *spot, const char *topic, slk_stats_t *stats, size_t size);

/* What happened. Ignore numbers not listed: later versions have more. */
#define SLK_EVENT_PEER_UP 1         /* a link is up: endpoint, name, node_id */
#define SLK_EVENT_PEER_DOWN 2       /* a link is down: endpoint, name, node_id, reason; count is 1 if
                                       the peer took its leave */
#define SLK_EVENT_CONNECT_FAILED 3  /* the next attempt follows by itself: endpoint, reason */
#define SLK_EVENT_REJECTED 4        /* a connection was closed for what came over it: endpoint, reason */
#define SLK_EVENT_TOPIC_ADDED 5     /* a peer offers the topic */
#define SLK_EVENT_TOPIC_REMOVED 6   /* nobody offers the topic any more */
#define SLK_EVENT_GAP 7             /* messages of the topic are missing: count, SLK_GAP_UNKNOWN where
                                       the number died with the publisher. What our own queue drops
                                       is told when it is next received from */
#define SLK_EVENT_SLOW_SUBSCRIBER 8 /* ended for being slow (SLK_SPOT_DISCONNECT): endpoint */
#define SLK_EVENT_OVERRUN 9         /* the callback was too slow: count events were dropped */
#define SLK_EVENT_MEMBER_UP 10      /* a member is there, again, or not suspect any more: node_id, name */
#define SLK_EVENT_MEMBER_SUSPECT 11 /* a member did not answer: node_id, name */
#define SLK_EVENT_MEMBER_DOWN 12    /* a member is gone: node_id, name; count is 1 if it took its leave
                                       or is not expected back */
#define SLK_EVENT_PARTITION 13      /* members are down or cut off, again when that changes: count are
                                       reachable, of size; majority */
#define SLK_EVENT_HEAL 14           /* all members are reachable again: count and size are all of them */

#define SLK_GAP_UNKNOWN ((uint64_t)-1)

/* An event. Texts are never NULL; those that do not belong to the event are "". All of it is valid
 * during the callback only. */
typedef struct slk_event_t {
    int type; /* SLK_EVENT_... */
    const char *endpoint;
    const char *name;
    const char *node_id;
    const char *topic;
    const char *reason;
    uint64_t count;
    uint64_t size; /* of the cluster, in members */
    int majority;  /* 1 if more than half of it is reachable */
} slk_event_t;

/* Called for each event, in order, one at a time. */
typedef void slk_monitor_fn(const slk_event_t *event, void *user);

/*
 * Hands the events from now on to `callback`, on a thread of its own that belongs to the instance.
 * The callback may use every function of this library, also slk_spot_destroy of its own instance;
 * it should be quick, and must not throw or longjmp out. Calling again replaces the callback; NULL
 * ends it. Once this call, or slk_spot_destroy, has returned, the former callback is not running and
 * will not be called again, except where the call was made from within the callback.
 */
SLK_EXPORT int slk_spot_monitor(slk_spot_t *spot, slk_monitor_fn *callback, void *user);

/* ------------------------------------------------------------------------------------------------
 * Log
 * --------------------------------------------------------------------------------------------- */

#define SLK_LOG_ERROR 1 /* something is broken that should not be: an I/O thread, a listening socket */
#define SLK_LOG_WARN 2  /* partitions, connections refused, messages missed, subscribers that were slow */
#define SLK_LOG_INFO 3  /* links and members up and down, with the reason */
#define SLK_LOG_DEBUG 4 /* attempts to connect that failed */
#define SLK_LOG_TRACE 5 /* all there is */

/*
 * A line of the log: `level` is one of SLK_LOG_..., `target` the part of the library it comes from,
 * `message` one line of text, with fields as ` name="value"` behind the sentence. What peers choose,
 * names and topics, is in it with control characters escaped. The texts are valid during the
 * callback only.
 */
typedef void slk_log_fn(int level, const char *target, const char *message, void *user);

/*
 * Hands what the library logs from now on, at `level` or more important, to `callback`: of all
 * contexts of the process, one line at a time, in order, on a thread of its own. The callback may use every
 * function of this library, also this one; it holds up no node, but when 1024 lines wait for
 * it, further ones are left out, and how many is told in a line. It must not throw or longjmp out.
 *
 * Calling again replaces callback and level; NULL ends it, whatever the level. Lines logged before
 * such a call are handed over first. Once it has returned, the former callback is not running and
 * will not be called again, except where the call was made from within the callback: then that was
 * the last call of it. End it before the program unloads what the callback uses. Messages are never logged, only what is rare. The
 * child of a fork() logs nothing until it calls this itself.
 *
 * SLK_EINVAL: a callback with a level that is none of the above; nothing has changed. It may also
 * report that the system refuses a thread.
 */
SLK_EXPORT int slk_set_log(int level, slk_log_fn *callback, void *user);

#ifdef __cplusplus
}
#endif

#endif /* SERVERLINK_H */
