// Node A of a two-node cluster: hosts topics and publishes on one of them. Node B is
// two_node_client.c; start them in any order.
//
//     two_node_server [ENDPOINT] [COUNT] [INTERVAL_MS]
//
// ENDPOINT is where to accept links (default tcp://*:5555). With a COUNT it waits for a subscriber,
// publishes so many messages and ends; otherwise it goes on for ever, every INTERVAL_MS (1000).
#include <serverlink/serverlink.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static double read_temperature(void)
{
    static int reading;
    return 20.0 + reading++ % 100 / 10.0;
}

int main(int argc, char **argv)
{
    const char *endpoint = argc > 1 ? argv[1] : "tcp://*:5555";
    int count = argc > 2 ? atoi(argv[2]) : 0;
    int interval_ms = argc > 3 ? atoi(argv[3]) : 1000;

    slk_ctx_t *ctx = slk_ctx_new();
    slk_spot_t *spot = slk_spot_new(ctx);

    // Create LOCAL topics
    slk_spot_topic_create(spot, "sensor:temperature");
    slk_spot_topic_create(spot, "sensor:humidity");

    // Bind to accept cluster connections
    if (slk_spot_bind(spot, endpoint) != 0) {
        fprintf(stderr, "Failed to bind: %s\n", slk_errmsg());
        return 1;
    }

    // The endpoint with its real port, in case the system chose one
    char bound[512];
    size_t bound_size = sizeof(bound);
    slk_spot_getsockopt(spot, SLK_LAST_ENDPOINT, bound, &bound_size);
    printf("Node A ready on %s\n", bound);
    fflush(stdout);

    if (count > 0) {
        slk_spot_wait_subscribers(spot, "sensor:temperature", 1, -1);
    }

    // Publish sensor data
    for (int i = 0; count == 0 || i < count; i++) {
        char temp_str[32];
        snprintf(temp_str, sizeof(temp_str), "%.1f", read_temperature());
        slk_spot_publish(spot, "sensor:temperature", temp_str, strlen(temp_str));

        slk_sleep(interval_ms);
    }

    slk_spot_destroy(&spot);
    slk_ctx_destroy(ctx);
    return 0;
}
