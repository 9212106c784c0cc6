/*
 * A node set up from a configuration, as in production: bind, HWM, peers, first sync.
 *
 *     production BIND_ENDPOINT PEER_ENDPOINT...
 *
 * Prints the state of the cluster as it is after the first sync, and ends.
 */
#include <serverlink/serverlink.h>

#include <inttypes.h>
#include <stdio.h>

typedef struct {
    const char *bind_endpoint;
    const char **cluster_peers;
    int peer_count;
    int sndhwm;
    int rcvhwm;
    int sync_timeout_ms;
} spot_config_t;

int spot_init_production(slk_spot_t *spot, const spot_config_t *config)
{
    // Bind to endpoint
    if (slk_spot_bind(spot, config->bind_endpoint) != 0) {
        fprintf(stderr, "Failed to bind: %s\n", slk_errmsg());
        return -1;
    }

    // Set HWM
    if (slk_spot_set_hwm(spot, config->sndhwm, config->rcvhwm) != 0) {
        fprintf(stderr, "Failed to set HWM: %s\n", slk_errmsg());
        return -1;
    }

    // Add cluster peers
    for (int i = 0; i < config->peer_count; i++) {
        int rc = slk_spot_cluster_add(spot, config->cluster_peers[i]);
        if (rc != 0) {
            fprintf(stderr, "Warning: Failed to add peer: %s\n", slk_errmsg());
            // Continue with other peers
        }
    }

    // Initial sync
    if (slk_spot_cluster_sync(spot, config->sync_timeout_ms) != 0) {
        fprintf(stderr, "Warning: Cluster sync incomplete: %s\n", slk_errmsg());
        // Not fatal, can retry later
    }

    return 0;
}

static void print_cluster(slk_spot_t *spot)
{
    static const char *const states[] = {"unknown", "connecting", "connected", "backoff", "itself"};
    slk_peer_t *peers;
    size_t count;
    if (slk_spot_peers(spot, &peers, &count) == 0) {
        for (size_t i = 0; i < count; i++) {
            printf("peer %s: %s, %" PRIu64 " topics\n", peers[i].endpoint, states[peers[i].state],
                   peers[i].topics);
        }
        slk_spot_peers_free(peers, count);
    }

    slk_stats_t stats;
    if (slk_spot_stats(spot, NULL, &stats, sizeof(stats)) == 0) {
        printf("%" PRIu64 " topics known, %" PRIu64 " links up\n", stats.topics, stats.links);
    }
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        fprintf(stderr, "usage: production BIND_ENDPOINT PEER_ENDPOINT...\n");
        return 2;
    }
    spot_config_t config = {
        .bind_endpoint = argv[1],
        .cluster_peers = (const char **)&argv[2],
        .peer_count = argc - 2,
        .sndhwm = 10000,
        .rcvhwm = 10000,
        .sync_timeout_ms = 1000
    };

    slk_ctx_t *ctx = slk_ctx_new();
    slk_spot_t *spot = slk_spot_new(ctx);
    int rc = spot_init_production(spot, &config);
    if (rc == 0) {
        print_cluster(spot);
    }

    slk_spot_destroy(&spot);
    slk_ctx_destroy(ctx);
    return rc == 0 ? 0 : 1;
}
