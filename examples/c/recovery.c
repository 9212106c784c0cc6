/*
 * Surviving the crash of a node, by hand.
 *
 *     recovery ENDPOINT COUNT
 *
 * Receives sensor:temperature of the node at ENDPOINT. When that node is lost, it is removed and added
 * anew until it answers. Ends after COUNT messages since the first recovery.
 *
 * None of this is needed: left alone, the instance reconnects, resubscribes and goes on by itself, as
 * failover.c does. It is for programs that want to decide about it themselves.
 */
#include <serverlink/serverlink.h>

#include <stdio.h>
#include <stdlib.h>

/* Whether every node that was added answers, within a tenth of a second. */
static int is_healthy(slk_spot_t *spot)
{
    return slk_spot_cluster_sync(spot, 100) == 0;
}

static void recover(slk_spot_t *spot, const char *endpoint)
{
    do {
        slk_sleep(100);

        // Re-add cluster node
        slk_spot_cluster_remove(spot, endpoint); // Clean up
        slk_spot_cluster_add(spot, endpoint);    // Reconnect

        // Re-sync
    } while (slk_spot_cluster_sync(spot, 1000) != 0);
}

int main(int argc, char **argv)
{
    if (argc != 3) {
        fprintf(stderr, "usage: recovery ENDPOINT COUNT\n");
        return 2;
    }
    const char *endpoint = argv[1];
    int count = atoi(argv[2]);

    slk_ctx_t *ctx = slk_ctx_new();
    slk_spot_t *spot = slk_spot_new(ctx);
    slk_spot_cluster_add(spot, endpoint);
    if (slk_spot_cluster_sync(spot, 5000) != 0 || slk_spot_subscribe(spot, "sensor:temperature") != 0) {
        fprintf(stderr, "%s\n", slk_errmsg());
        return 1;
    }

    int recovered = 0;
    for (int received = 0; received < count;) {
        char topic[256], data[256];
        size_t topic_len, data_len;

        int rc = slk_spot_recv(spot, topic, sizeof(topic), &topic_len,
                               data, sizeof(data), &data_len, 1000);
        if (rc == 0) {
            printf("%s = %.*s\n", topic, (int)data_len, data);
            received += recovered;
        } else if (slk_errno() == SLK_EHOSTUNREACH) {
            printf("Node A is lost, healthy: %s\n", is_healthy(spot) ? "yes" : "no");
            fflush(stdout);
            recover(spot, endpoint);
            printf("Node A recovered\n");
            recovered = 1;
        }
        fflush(stdout);
    }

    slk_spot_destroy(&spot);
    slk_ctx_destroy(ctx);
    return 0;
}
