/*
 * A topic with a primary and a backup server, as one route: the library fails over and back by itself.
 *
 *     failover_route serve NAME ENDPOINT
 *     failover_route use PRIMARY,BACKUP HEARTBEAT_MS LIMIT_MS CHANGES
 *
 * `serve` hosts critical:topic and publishes its name and the time, which grows also over restarts.
 * `use` receives that and says who serves: how long after the loss of the other was noticed, and how
 * long after the other's last message. A crash is noticed at once, silence after three heartbeats.
 * It ends when the server has changed CHANGES times; with 1 at once if a message came twice, if a loss
 * was told, or if the first message of the other came more than LIMIT_MS after the notice.
 */
#include <serverlink/serverlink.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *topic = "critical:topic";

static void set(slk_spot_t *spot, int option, int value)
{
    slk_spot_setsockopt(spot, option, &value, sizeof(value));
}

static int fail(const char *what)
{
    fprintf(stderr, "%s: %s\n", what, slk_errmsg());
    return 1;
}

static int serve(slk_spot_t *spot, const char *name, const char *endpoint)
{
    char bound[512], data[64];
    size_t bound_size = sizeof(bound);
    if (slk_spot_topic_create(spot, topic) != 0 || slk_spot_bind(spot, endpoint) != 0)
        return fail(endpoint);
    slk_spot_getsockopt(spot, SLK_LAST_ENDPOINT, bound, &bound_size);
    printf("%s serves at %s\n", name, bound);
    fflush(stdout);
    for (;;) {
        int len = snprintf(data, sizeof(data), "%s %" PRIu64, name, slk_clock());
        slk_spot_publish(spot, topic, data, (size_t)len);
        slk_sleep(2);
    }
}

/* Puts the time of each loss in line with the messages: on a topic of this node. */
static void on_event(const slk_event_t *event, void *user)
{
    if (event->type == SLK_EVENT_PEER_DOWN) {
        char data[64];
        int len = snprintf(data, sizeof(data), "lost %" PRIu64, slk_clock());
        slk_spot_publish(user, "lost", data, (size_t)len);
    }
}

/* Who serves, and the numbers by which messages are told apart. */
struct service {
    char name[32];
    uint64_t last, lost_us;
    int changes;
};

/* Takes a message of a server; -1 if it is none that may come now. */
static int take(struct service *service, const char *name, uint64_t sent_us, uint64_t limit_us)
{
    static struct { char name[32]; uint64_t last; } servers[2];
    int i = servers[0].name[0] != '\0' && strcmp(servers[0].name, name) != 0;
    snprintf(servers[i].name, sizeof(servers[i].name), "%s", name);
    if (sent_us <= servers[i].last) {
        fprintf(stderr, "%s: %" PRIu64 " after %" PRIu64 "\n", name, sent_us, servers[i].last);
        return -1;
    }
    servers[i].last = sent_us;
    if (strcmp(service->name, name) != 0) {
        // A loss that is older than the last message of the former server was another one.
        uint64_t now_us = slk_clock(), former_us = service->last;
        uint64_t notice_us = service->lost_us > former_us ? now_us - service->lost_us : 0;
        printf("%s serves, %.1f ms after a loss, %.1f ms after the last message\n", name,
               (double)notice_us / 1e3, former_us ? (double)(now_us - former_us) / 1e3 : 0.0);
        fflush(stdout);
        snprintf(service->name, sizeof(service->name), "%s", name);
        service->changes++;
        if (notice_us > limit_us)
            return -1;
    }
    service->last = sent_us;
    return 0;
}

static int use(slk_spot_t *spot, const char *route, int heartbeat_ms, int limit_ms, int changes)
{
    // How soon silence is noticed; for links made from now on
    set(spot, SLK_HEARTBEAT_IVL, heartbeat_ms);
    slk_spot_topic_create(spot, "lost");
    slk_spot_subscribe(spot, "lost");
    slk_spot_monitor(spot, on_event, spot);
    if (slk_spot_topic_route(spot, topic, route) != 0)
        return fail(route);
    // A route stands once one of its servers is reached; wait for all, so that the first one serves
    if (slk_spot_cluster_sync(spot, 30000) != 0 || slk_spot_subscribe(spot, topic) != 0)
        return fail("both servers are to be there");

    struct service service = {0};
    while (service.changes <= changes) {
        char from[256], data[64], name[32];
        size_t from_len, data_len;
        uint64_t time_us;
        if (slk_spot_recv(spot, from, sizeof(from), &from_len, data, sizeof(data), &data_len, -1) != 0)
            return fail("recv");
        if (sscanf(data, "%31s %" SCNu64, name, &time_us) != 2)
            return fail("not a message of a server");
        if (strcmp(from, "lost") == 0) {
            service.lost_us = time_us;
        } else if (take(&service, name, time_us, (uint64_t)limit_ms * 1000) != 0) {
            return 1;
        }
    }
    return 0;
}

int main(int argc, char **argv)
{
    int serves = argc == 4 && strcmp(argv[1], "serve") == 0;
    if (!serves && !(argc == 6 && strcmp(argv[1], "use") == 0)) {
        fprintf(stderr, "usage: failover_route serve NAME ENDPOINT\n"
                        "       failover_route use PRIMARY,BACKUP HEARTBEAT_MS LIMIT_MS CHANGES\n");
        return 2;
    }
    slk_ctx_t *ctx = slk_ctx_new();
    slk_spot_t *spot = slk_spot_new(ctx);
    int rc = serves ? serve(spot, argv[2], argv[3])
                    : use(spot, argv[2], atoi(argv[3]), atoi(argv[4]), atoi(argv[5]));
    slk_spot_destroy(&spot);
    slk_ctx_destroy(ctx);
    return rc;
}
