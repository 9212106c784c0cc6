/*
 * Node B of a two-node cluster: finds the topics of node A (two_node_server.c) and subscribes to one.
 *
 *     two_node_client [ENDPOINT] [COUNT]
 *
 * ENDPOINT is where node A is (default tcp://127.0.0.1:5555). It ends after COUNT messages; without
 * a COUNT it goes on for ever.
 */
#include <serverlink/serverlink.h>

#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv)
{
    const char *endpoint = argc > 1 ? argv[1] : "tcp://127.0.0.1:5555";
    int count = argc > 2 ? atoi(argv[2]) : 0;

    slk_ctx_t *ctx = slk_ctx_new();
    slk_spot_t *spot = slk_spot_new(ctx);

    // Add Node A to cluster
    int rc = slk_spot_cluster_add(spot, endpoint);
    if (rc != 0) {
        fprintf(stderr, "Failed to add Node A: %s\n", slk_errmsg());
        return 1;
    }

    // Synchronize to discover topics
    rc = slk_spot_cluster_sync(spot, 1000);
    if (rc != 0) {
        fprintf(stderr, "Cluster sync failed: %s\n", slk_errmsg());
    }

    // Subscribe to REMOTE topic
    rc = slk_spot_subscribe(spot, "sensor:temperature");
    if (rc != 0) {
        fprintf(stderr, "Subscribe failed: %s\n", slk_errmsg());
    }

    // Receive sensor data
    int received = 0;
    while (count == 0 || received < count) {
        char topic[256], data[256];
        size_t topic_len, data_len;

        rc = slk_spot_recv(spot, topic, sizeof(topic), &topic_len,
                           data, sizeof(data), &data_len, 1000);

        if (rc == 0) {
            printf("Received: %s = %.*s\n", topic, (int)data_len, data);
            fflush(stdout);
            received++;
        } else if (slk_errno() == SLK_EHOSTUNREACH) {
            fprintf(stderr, "Node A is gone; waiting for it to come back\n");
        }
    }

    slk_spot_destroy(&spot);
    slk_ctx_destroy(ctx);
    return 0;
}
