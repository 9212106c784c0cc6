/*
 * A topic with a primary and a backup server.
 *
 *     failover TOPIC PRIMARY BACKUP [COUNT]
 *
 * Routes the topic to whichever server is reachable, the primary first, and receives COUNT messages
 * (default: for ever). When the server is lost it says so and waits for its return.
 */
#include <serverlink/serverlink.h>

#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv)
{
    if (argc < 4) {
        fprintf(stderr, "usage: failover TOPIC PRIMARY BACKUP [COUNT]\n");
        return 2;
    }
    const char *name = argv[1];
    int count = argc > 4 ? atoi(argv[4]) : 0;

    slk_ctx_t *ctx = slk_ctx_new();
    slk_spot_t *spot = slk_spot_new(ctx);

    // Primary and backup servers
    const char *primary = argv[2];
    const char *backup = argv[3];
    const char *server = primary;

    int rc = slk_spot_topic_route(spot, name, primary);
    if (rc != 0) {
        // Primary failed, use backup
        server = backup;
        rc = slk_spot_topic_route(spot, name, backup);
    }
    if (rc != 0 || slk_spot_subscribe(spot, name) != 0) {
        fprintf(stderr, "Neither server is usable: %s\n", slk_errmsg());
        return 1;
    }
    printf("Using %s\n", server);
    fflush(stdout);

    for (int received = 0; count == 0 || received < count;) {
        char topic[256], data[4096];
        size_t topic_len, data_len;

        rc = slk_spot_recv(spot, topic, sizeof(topic), &topic_len,
                           data, sizeof(data), &data_len, 100);
        if (rc == 0) {
            printf("%s = %.*s\n", topic, (int)data_len, data);
            received++;
            continue;
        }

        int err = slk_errno();
        if (err == SLK_EAGAIN) {
            // No message available (normal)
        } else if (err == SLK_EHOSTUNREACH) {
            // Node disconnected, retry or failover
            fprintf(stderr, "Lost %s\n", server);
            slk_sleep(1000);
            slk_spot_cluster_sync(spot, 1000); // Re-sync
        }
    }

    slk_spot_destroy(&spot);
    slk_ctx_destroy(ctx);
    return 0;
}
