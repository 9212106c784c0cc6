/*
 * One node of a full mesh: every node adds every other one, and subscribes to its topic.
 *
 *     mesh COUNT NAME ENDPOINT [PEER_NAME PEER_ENDPOINT]...
 *
 * Hosts NAME:data, accepts links at ENDPOINT, publishes COUNT messages once every peer listens, and
 * ends when it has received COUNT messages from each. Three nodes, started in any order:
 *
 *     mesh 10 nodeA tcp://127.0.0.1:5555 nodeB tcp://127.0.0.1:5556 nodeC tcp://127.0.0.1:5557 &
 *     mesh 10 nodeB tcp://127.0.0.1:5556 nodeA tcp://127.0.0.1:5555 nodeC tcp://127.0.0.1:5557 &
 *     mesh 10 nodeC tcp://127.0.0.1:5557 nodeA tcp://127.0.0.1:5555 nodeB tcp://127.0.0.1:5556
 */
#include <serverlink/serverlink.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TIMEOUT_MS 30000

static int fail(const char *what)
{
    fprintf(stderr, "%s: %s\n", what, slk_errmsg());
    return 1;
}

static void data_topic(char *topic, size_t size, const char *node)
{
    snprintf(topic, size, "%s:data", node);
}

int main(int argc, char **argv)
{
    if (argc < 4 || argc % 2 != 0) {
        fprintf(stderr, "usage: mesh COUNT NAME ENDPOINT [PEER_NAME PEER_ENDPOINT]...\n");
        return 2;
    }
    int count = atoi(argv[1]);
    const char *name = argv[2];
    int peers = (argc - 4) / 2;
    char own_topic[256], topic[256];
    data_topic(own_topic, sizeof(own_topic), name);

    slk_ctx_t *ctx = slk_ctx_new();
    slk_spot_t *spot = slk_spot_new(ctx);
    slk_spot_setsockopt(spot, SLK_SPOT_NODE_NAME, name, strlen(name));

    // Create LOCAL topics
    slk_spot_topic_create(spot, own_topic);

    // Bind for server mode
    if (slk_spot_bind(spot, argv[3]) != 0)
        return fail("bind");

    // Connect to other nodes
    for (int i = 4; i < argc; i += 2) {
        if (slk_spot_cluster_add(spot, argv[i + 1]) != 0)
            return fail("cluster_add");
    }

    // Synchronize to discover topics. Who starts later is found later, by itself.
    if (slk_spot_cluster_sync(spot, 1000) != 0)
        fail("not all peers are there yet");

    // Subscribe to remote topics
    for (int i = 4; i < argc; i += 2) {
        data_topic(topic, sizeof(topic), argv[i]);
        if (slk_spot_subscribe(spot, topic) != 0)
            return fail("subscribe");
    }

    if (slk_spot_wait_subscribers(spot, own_topic, peers, TIMEOUT_MS) != 0)
        return fail("wait_subscribers");
    for (int i = 0; i < count; i++) {
        char data[64];
        int len = snprintf(data, sizeof(data), "%s %d", name, i);
        if (slk_spot_publish(spot, own_topic, data, (size_t)len) != 0)
            return fail("publish");
    }

    for (int received = 0; received < count * peers;) {
        char data[64];
        size_t topic_len, data_len;
        if (slk_spot_recv(spot, topic, sizeof(topic), &topic_len,
                          data, sizeof(data), &data_len, TIMEOUT_MS) == 0) {
            printf("%s: %.*s\n", topic, (int)data_len, data);
            received++;
        } else if (slk_errno() != SLK_EHOSTUNREACH) {
            // A peer that has all it wants may leave; what it sent still arrives.
            return fail("recv");
        }
    }

    slk_spot_destroy(&spot);
    slk_ctx_destroy(ctx);
    return 0;
}
