/* What the guide shows and the examples do not, as it is written there. */
#include "check.h"

static slk_spot_t *spot;
static const char *topic = "guide:topic";

static void tcp_tuning(void)
{
    // Disable Nagle's algorithm for low latency
    int nodelay = 1;
    OK(slk_spot_setsockopt(spot, SLK_TCP_NODELAY, &nodelay, sizeof(nodelay)));

    // Adjust TCP keepalive
    int keepalive = 1;
    int keepalive_idle = 10;  // 10 seconds
    int keepalive_intvl = 5;  // 5 seconds
    int keepalive_cnt = 3;    // 3 probes

    OK(slk_spot_setsockopt(spot, SLK_TCP_KEEPALIVE, &keepalive, sizeof(keepalive)));
    OK(slk_spot_setsockopt(spot, SLK_TCP_KEEPALIVE_IDLE, &keepalive_idle, sizeof(keepalive_idle)));
    OK(slk_spot_setsockopt(spot, SLK_TCP_KEEPALIVE_INTVL, &keepalive_intvl, sizeof(keepalive_intvl)));
    OK(slk_spot_setsockopt(spot, SLK_TCP_KEEPALIVE_CNT, &keepalive_cnt, sizeof(keepalive_cnt)));
}

static void hwm_tuning(void)
{
    // High-bandwidth scenario
    OK(slk_spot_set_hwm(spot, 100000, 100000));

    // Low-bandwidth scenario (IoT)
    OK(slk_spot_set_hwm(spot, 100, 100));
    OK(slk_spot_set_hwm(spot, 1000, 1000));
}

static void message_batching(void)
{
    int data[1000] = {0};

    // Instead of many small publishes
    for (int i = 0; i < 1000; i++) {
        OK(slk_spot_publish(spot, topic, &data[i], sizeof(data[i])));
    }

    // Batch into larger message
    char name[256];
    for (int i = 0; i < 1000; i++) {
        OK(slk_spot_recv(spot, name, sizeof(name), NULL, data, sizeof(data), NULL, LONG_MS));
    }
    OK(slk_spot_publish(spot, topic, data, sizeof(data)));
    OK(slk_spot_recv(spot, name, sizeof(name), NULL, data, sizeof(data), NULL, LONG_MS));
}

// Check if cluster node is reachable
static int is_healthy(slk_spot_t *spot, const char *endpoint)
{
    (void)endpoint;
    // Attempt cluster sync with short timeout
    int rc = slk_spot_cluster_sync(spot, 100);
    return (rc == 0) ? 1 : 0;
}

// Track publish/subscribe counts
typedef struct {
    uint64_t publishes;
    uint64_t subscribes;
    uint64_t recv_msgs;
    uint64_t recv_bytes;
} spot_metrics_t;

static void metrics_collection(void)
{
    const char *data = "12345";
    size_t len = 5;
    char topic_buf[256], data_buf[64];
    size_t topic_len, data_len;
    spot_metrics_t metrics = {0};

    // Increment on publish
    slk_spot_publish(spot, topic, data, len);
    metrics.publishes++;

    // Increment on recv
    int rc = slk_spot_recv(spot, topic_buf, sizeof(topic_buf), &topic_len,
                           data_buf, sizeof(data_buf), &data_len, 100);
    if (rc == 0) {
        metrics.recv_msgs++;
        metrics.recv_bytes += data_len;
    }
    CHECK(metrics.recv_msgs == 1 && metrics.recv_bytes == 5);

    /* What the library counts by itself. */
    slk_stats_t before, after;
    OK(slk_spot_stats(spot, NULL, &before, sizeof(before)));
    PUBLISH(spot, topic, "12345");
    RECEIVES(spot, topic, "12345");
    OK(slk_spot_stats(spot, NULL, &after, sizeof(after)));
    CHECK(after.published_messages - before.published_messages == metrics.publishes);
    CHECK(after.received_messages - before.received_messages == metrics.recv_msgs);
    CHECK(after.received_bytes - before.received_bytes == metrics.recv_bytes);
}

static void node_failure(void)
{
    slk_spot_cluster_add(spot, "tcp://127.0.0.1:1");
    CHECK(is_healthy(spot, "tcp://127.0.0.1:1") == 0);

    // Re-add cluster node
    OK(slk_spot_cluster_remove(spot, "tcp://127.0.0.1:1")); // Clean up
    OK(slk_spot_cluster_add(spot, "tcp://127.0.0.1:1"));    // Reconnect
    OK(slk_spot_cluster_remove(spot, "tcp://127.0.0.1:1"));
    CHECK(is_healthy(spot, "") == 1);
}

static void terminating_by_hand(void)
{
    char topic[256], data[256];
    size_t topic_len, data_len;
    PUBLISH(spot, "guide:topic", "23.5");
    int rc = slk_spot_recv(spot, topic, sizeof(topic), &topic_len,
                           data, sizeof(data), &data_len, 1000);

    if (rc == 0) {
        topic[topic_len] = '\0';
        data[data_len] = '\0';
        CHECK(strcmp(topic, "guide:topic") == 0 && strcmp(data, "23.5") == 0);
    }
    CHECK(rc == 0);
}

int main(void)
{
    slk_ctx_t *ctx = slk_ctx_new();
    spot = slk_spot_new(ctx);
    OK(slk_spot_topic_create(spot, topic));
    OK(slk_spot_subscribe(spot, topic));
    tcp_tuning();
    hwm_tuning();
    message_batching();
    metrics_collection();
    node_failure();
    terminating_by_hand();
    slk_spot_destroy(&spot);
    slk_ctx_destroy(ctx);
    return 0;
}
