/* A hub and two spokes that know only the hub, as the guide has them. */
#include "check.h"

static slk_spot_t *spoke_of(slk_ctx_t *ctx, const char *topic, const char *hub)
{
    slk_spot_t *spoke = slk_spot_new(ctx);
    CHECK(spoke != NULL);
    CHECK(slk_spot_topic_create(spoke, topic) == 0);
    CHECK(slk_spot_cluster_add(spoke, hub) == 0);
    CHECK(slk_spot_cluster_sync(spoke, 10000) == 0);
    return spoke;
}

static void wait_for(slk_spot_t *spot, const char *topic)
{
    for (int i = 0; i < 1000 && slk_spot_topic_exists(spot, topic) != 1; i++) {
        slk_sleep(10);
    }
    CHECK(slk_spot_topic_exists(spot, topic) == 1);
    CHECK(slk_spot_topic_is_local(spot, topic) == 0);
}

static void expect(slk_spot_t *spot, const char *topic, const char *data)
{
    char name[256], bytes[256];
    size_t name_len, len;
    CHECK(slk_spot_recv(spot, name, sizeof(name), &name_len, bytes, sizeof(bytes), &len, 10000) == 0);
    CHECK(strcmp(name, topic) == 0);
    CHECK(len == strlen(data) && memcmp(bytes, data, len) == 0);
}

int main(void)
{
    slk_ctx_t *ctx[3];
    for (int i = 0; i < 3; i++) {
        ctx[i] = slk_ctx_new();
    }
    slk_spot_t *hub = slk_spot_new(ctx[0]);
    int on = 1, value = 0;
    size_t size = sizeof(value);
    CHECK(slk_has("relay") == 1);
    CHECK(slk_spot_getsockopt(hub, SLK_SPOT_RELAY, &value, &size) == 0 && value == 0);
    CHECK(slk_spot_setsockopt(hub, SLK_SPOT_RELAY, &on, sizeof(on)) == 0);
    CHECK(slk_spot_getsockopt(hub, SLK_SPOT_RELAY, &value, &size) == 0 && value == 1);
    CHECK(slk_spot_bind(hub, "tcp://127.0.0.1:0") == 0);
    char endpoint[64];
    size = sizeof(endpoint);
    CHECK(slk_spot_getsockopt(hub, SLK_LAST_ENDPOINT, endpoint, &size) == 0);

    slk_spot_t *one = spoke_of(ctx[1], "spoke1:sensor:temp", endpoint);
    slk_spot_t *two = spoke_of(ctx[2], "spoke2:sensor:temp", endpoint);
    wait_for(one, "spoke2:sensor:temp");
    wait_for(two, "spoke1:sensor:temp");

    CHECK(slk_spot_publish(one, "spoke1:sensor:temp", "unheard", 7) == 0);
    CHECK(slk_spot_subscribe_pattern(two, "spoke1:*") == 0);
    CHECK(slk_spot_wait_subscribed(two, NULL, 10000) == 0);
    CHECK(slk_spot_publish(one, "spoke1:sensor:temp", "21.5", 4) == 0);
    expect(two, "spoke1:sensor:temp", "21.5");
    CHECK(slk_spot_publish(two, "spoke1:sensor:temp", "from afar", 9) == 0);
    expect(two, "spoke1:sensor:temp", "from afar");

    slk_stats_t stats;
    CHECK(slk_spot_stats(hub, NULL, &stats, sizeof(stats)) == 0);
    CHECK(stats.relayed_messages == 3); /* one, and one there and back; the unheard one never left */
    CHECK(stats.relayed_bytes == 4 + 9 + 9);

    /* The loss of a node behind the hub is told once. */
    slk_spot_destroy(&one);
    char name[256], bytes[256];
    size_t name_len, len;
    CHECK(slk_spot_recv(two, name, sizeof(name), &name_len, bytes, sizeof(bytes), &len, 10000) == -1);
    CHECK(slk_errno() == SLK_EHOSTUNREACH);
    CHECK(slk_spot_recv(two, name, sizeof(name), &name_len, bytes, sizeof(bytes), &len, SLK_DONTWAIT) == -1);
    CHECK(slk_errno() == SLK_EAGAIN);

    slk_spot_destroy(&two);
    slk_spot_destroy(&hub);
    for (int i = 0; i < 3; i++) {
        slk_ctx_destroy(ctx[i]);
    }
    return 0;
}
