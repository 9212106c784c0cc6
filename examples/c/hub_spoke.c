/*
 * A hub with spokes: it relays between them, and watches them: it subscribes to all their topics.
 *
 *     hub_spoke COUNT SPOKE_ENDPOINT...
 *
 * Ends after COUNT messages. A spoke is any node that hosts topics, such as two_node_server.c.
 */
#include <serverlink/serverlink.h>

#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv)
{
    if (argc < 3) {
        fprintf(stderr, "usage: hub_spoke COUNT SPOKE_ENDPOINT...\n");
        return 2;
    }
    int count_to_receive = atoi(argv[1]);

    slk_ctx_t *ctx = slk_ctx_new();
    slk_spot_t *hub = slk_spot_new(ctx);

    // Relay: spokes use each other's topics through the hub, on demand
    int on = 1;
    slk_spot_setsockopt(hub, SLK_SPOT_RELAY, &on, sizeof(on));

    // Connect to all spokes
    for (int i = 2; i < argc; i++) {
        slk_spot_cluster_add(hub, argv[i]);
    }

    // Synchronize to discover spoke topics
    if (slk_spot_cluster_sync(hub, 5000) != 0) {
        fprintf(stderr, "Cluster sync failed: %s\n", slk_errmsg());
        return 1;
    }

    // Subscribe to all spoke topics
    char **topics;
    size_t count;
    slk_spot_list_topics(hub, &topics, &count);
    for (size_t i = 0; i < count; i++) {
        slk_spot_subscribe(hub, topics[i]);
        printf("Subscribed to %s\n", topics[i]);
    }
    slk_spot_list_topics_free(topics, count);

    for (int received = 0; received < count_to_receive;) {
        char topic[256], data[4096];
        size_t topic_len, data_len;

        int rc = slk_spot_recv(hub, topic, sizeof(topic), &topic_len,
                               data, sizeof(data), &data_len, 100);
        if (rc == 0) {
            printf("%s = %.*s\n", topic, (int)data_len, data);
            received++;
        }
    }

    slk_spot_destroy(&hub);
    slk_ctx_destroy(ctx);
    return 0;
}
