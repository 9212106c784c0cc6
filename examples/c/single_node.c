/*
 * One node: publish and subscribe within a process, without any network.
 *
 *     single_node [COUNT]        receives COUNT messages (default 3) and ends
 *
 *     cc single_node.c $(pkg-config --cflags --libs serverlink) -o single_node
 */
#include <serverlink/serverlink.h>

#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv)
{
    int count = argc > 1 ? atoi(argv[1]) : 3;

    slk_ctx_t *ctx = slk_ctx_new();
    slk_spot_t *spot = slk_spot_new(ctx);

    // Create LOCAL topics
    slk_spot_topic_create(spot, "game:player:spawn");
    slk_spot_topic_create(spot, "game:player:death");
    slk_spot_topic_create(spot, "chat:lobby");

    // Subscribe to local topics
    slk_spot_subscribe(spot, "game:player:spawn");
    slk_spot_subscribe_pattern(spot, "chat:*");

    // Application logic
    int received = 0;
    while (received < count) {
        const char *heard = received % 2 ? "game:player:spawn" : "chat:lobby";
        if (slk_spot_publish(spot, heard, "hello", 5) != 0
            || slk_spot_publish(spot, "game:player:death", "nobody listens", 14) != 0) {
            fprintf(stderr, "Publish failed: %s\n", slk_errmsg());
            return 1;
        }

        char topic[256], data[4096];
        size_t topic_len, data_len;

        int rc = slk_spot_recv(spot, topic, sizeof(topic), &topic_len,
                               data, sizeof(data), &data_len, 100);

        if (rc == 0) {
            printf("%s: %.*s\n", topic, (int)data_len, data);
            received++;
        }
    }

    slk_spot_destroy(&spot);
    slk_ctx_destroy(ctx);
    return 0;
}
