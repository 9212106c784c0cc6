/*
 * A topic with a primary and a backup server.
 *
 *     failover TOPIC PRIMARY BACKUP [COUNT]
 *
 * Routes the topic to whichever server is reachable, the primary first, and receives COUNT messages
 * (default: for ever). When the server is lost it says so, routes the topic to whichever is reachable
 * then, and goes on. The subscription stays through all of it.
 *
 * One route that lists both, "PRIMARY,BACKUP", does this by itself, and goes back to the primary when
 * that returns. Do it by hand, as here, where the program is to know of it or to choose.
 */
#include <serverlink/serverlink.h>

#include <stdio.h>
#include <stdlib.h>

/* Routes the topic to the first of the two that is reachable: its endpoint, or NULL. A route stands
 * while its server is reachable; one to a server that is lost is replaced. */
static const char *route(slk_spot_t *spot, const char *topic, const char *primary, const char *backup)
{
    if (slk_spot_topic_route(spot, topic, primary) == 0) {
        return primary;
    }
    if (slk_spot_topic_route(spot, topic, backup) == 0) {
        return backup;
    }
    return NULL;
}

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

    const char *primary = argv[2];
    const char *backup = argv[3];
    const char *server = route(spot, name, primary, backup);
    if (server == NULL || slk_spot_subscribe(spot, name) != 0) {
        fprintf(stderr, "Neither server is usable: %s\n", slk_errmsg());
        return 1;
    }
    printf("Using %s\n", server);
    fflush(stdout);

    for (int received = 0; count == 0 || received < count;) {
        char topic[256], data[4096];
        size_t topic_len, data_len;

        int rc = slk_spot_recv(spot, topic, sizeof(topic), &topic_len,
                               data, sizeof(data), &data_len, 100);
        if (rc == 0) {
            printf("%s = %.*s\n", topic, (int)data_len, data);
            fflush(stdout);
            received++;
            continue;
        }

        int err = slk_errno();
        if (err == SLK_EAGAIN) {
            // No message available (normal)
        } else if (err == SLK_EHOSTUNREACH) {
            // The server is lost: fail over
            printf("Lost %s\n", server);
            fflush(stdout);
            while ((server = route(spot, name, primary, backup)) == NULL) {
                slk_sleep(1000);
            }
            printf("Using %s\n", server);
            fflush(stdout);
        } else {
            fprintf(stderr, "Cannot receive: %s\n", slk_errmsg());
            return 1;
        }
    }

    slk_spot_destroy(&spot);
    slk_ctx_destroy(ctx);
    return 0;
}
