/* What two linked instances count of each other, of a topic, and of what was lost. */
#include "check.h"

static slk_spot_t *instance(slk_ctx_t *ctx)
{
    slk_spot_t *spot = slk_spot_new(ctx);
    int interval_ms = 20;
    CHECK(spot != NULL);
    OK(slk_spot_setsockopt(spot, SLK_HEARTBEAT_IVL, &interval_ms, sizeof(interval_ms)));
    return spot;
}

/* The one peer of an instance. */
static slk_peer_t the_peer(slk_spot_t *spot)
{
    slk_peer_t *peers, peer;
    size_t count;
    OK(slk_spot_peers(spot, &peers, &count));
    CHECK(count == 1);
    peer = peers[0];
    slk_spot_peers_free(peers, count);
    return peer; /* without its texts */
}

static slk_stats_t counted(slk_spot_t *spot, const char *topic)
{
    slk_stats_t stats;
    OK(slk_spot_stats(spot, topic, &stats, sizeof(stats)));
    return stats;
}

/* Waits until what an expression tells of a peer, or of an instance, is so. */
#define EVENTUALLY(look, condition)                                                                \
    do {                                                                                           \
        int left_ = LONG_MS / 5;                                                                   \
        for (look; !(condition) && left_ > 0; left_--) {                                           \
            slk_sleep(5);                                                                          \
            look;                                                                                  \
        }                                                                                          \
        CHECK(condition);                                                                          \
    } while (0)

int main(void)
{
    slk_ctx_t *contexts[2] = {slk_ctx_new(), slk_ctx_new()};
    slk_spot_t *host = instance(contexts[0]), *client = instance(contexts[1]);
    int two = 2;
    OK(slk_spot_setsockopt(host, SLK_SPOT_HISTORY, &two, sizeof(two)));
    OK(slk_spot_topic_create(host, "t"));
    OK(slk_spot_bind(host, "tcp://127.0.0.1:0"));
    char endpoint[64];
    size_t size = sizeof(endpoint);
    OK(slk_spot_getsockopt(host, SLK_LAST_ENDPOINT, endpoint, &size));
    OK(slk_spot_cluster_add(client, endpoint));
    OK(slk_spot_cluster_sync(client, LONG_MS));
    OK(slk_spot_subscribe(client, "t"));
    OK(slk_spot_wait_subscribed(client, NULL, LONG_MS));
    for (int i = 0; i < 5; i++) {
        PUBLISH(host, "t", "seven b");
        RECEIVES(client, "t", "seven b");
    }
    PUBLISH(client, "t", "back");
    RECEIVES(client, "t", "back");

    slk_peer_t peer;
    EVENTUALLY(peer = the_peer(host), peer.sent_messages == 6 && peer.received_messages == 1);
    CHECK(peer.sent_bytes > 6 * 7 && peer.received_bytes > 4);
    CHECK(peer.queued_messages == 0 && peer.queued_bytes == 0 && peer.dropped_messages == 0);
    CHECK(peer.queue_high_water >= 1 && peer.reconnects == 0);
    EVENTUALLY(peer = the_peer(client), peer.round_trip_us != SLK_UNKNOWN);
    CHECK(peer.last_round_trip_us != SLK_UNKNOWN && peer.last_round_trip_us < LONG_MS * 1000ULL);

    slk_stats_t topic, all;
    topic = counted(host, "t");
    CHECK(topic.published_messages == 5 && topic.published_bytes == 35);
    CHECK(topic.topic_received_messages == 1 && topic.topic_received_bytes == 4);
    CHECK(topic.history_messages == 2 && topic.history_bytes == 11 && topic.subscribers == 1);
    CHECK(topic.topic_dropped_messages == 0 && topic.missed_messages == 0 && topic.gaps == 0);
    topic = counted(client, "t");
    CHECK(topic.published_messages == 1 && topic.topic_received_messages == 6);
    EVENTUALLY(all = counted(host, NULL), all.link_sent_messages == 6);
    CHECK(all.link_received_messages == 1 && all.topic_received_messages == 0);

    /* Six find no room. */
    OK(slk_spot_set_hwm(client, 1000, 2));
    for (int i = 0; i < 8; i++) {
        PUBLISH(host, "t", "12345");
    }
    EVENTUALLY(all = counted(client, NULL), all.dropped_at_receiver == 6);
    CHECK(all.dropped_newest_at_receiver == 6 && all.dropped_oldest_at_receiver == 0);
    CHECK(all.queued_messages == 2 && all.queued_bytes == 10 && all.queue_high_water == 2);
    topic = counted(client, "t");
    CHECK(topic.topic_dropped_messages == 6 && topic.topic_received_messages == 14);

    /* Nobody listens there any more. */
    slk_spot_destroy(&host);
    EVENTUALLY(all = counted(client, NULL), all.connect_failures >= 1);
    peer = the_peer(client);
    CHECK(peer.sent_messages == 0 && peer.round_trip_us == SLK_UNKNOWN);
    CHECK(all.links == 0 && all.link_received_messages == 14);
    slk_spot_destroy(&client);
    slk_ctx_destroy(contexts[0]);
    slk_ctx_destroy(contexts[1]);
    return 0;
}
