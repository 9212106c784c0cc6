/*
 * Spokes that know their hub alone, and use each other's topics through it.
 *
 *     relay hub ENDPOINT SPOKES
 *     relay spoke NAME HUB_ENDPOINT COUNT OTHER_NAME...
 *
 * Each spoke hosts NAME:sensor and subscribes to that of every other one. When its subscriptions
 * stand it says so on hub:ready, which the hub hosts; when all have, the hub says "go" on hub:config,
 * and each spoke publishes COUNT readings. Each ends with 0 when it has received COUNT of every
 * other one, in order; with 1 if one is missing, came twice, or took more than half a minute.
 */
#include <serverlink/serverlink.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TIMEOUT_MS 30000
#define MAX_OTHERS 16

static int fail(const char *what)
{
    fprintf(stderr, "%s: %s\n", what, slk_errmsg());
    return 1;
}

/* Waits until so many have published `word` on hub:ready. */
static int await_all(slk_spot_t *hub, const char *word, int count)
{
    char topic[256], data[64];
    size_t topic_len, data_len;
    while (count > 0) {
        if (slk_spot_recv(hub, topic, sizeof(topic), &topic_len, data, sizeof(data), &data_len, TIMEOUT_MS) != 0)
            return fail(word);
        if (strcmp(data, word) != 0)
            return fail("not that word yet");
        count--;
    }
    return 0;
}

static int run_hub(slk_spot_t *hub, const char *endpoint, int spokes)
{
    char bound[512];
    size_t bound_size = sizeof(bound);

    // Relay: spokes use each other's topics through the hub, on demand
    int on = 1;
    slk_spot_setsockopt(hub, SLK_SPOT_RELAY, &on, sizeof(on));
    slk_spot_topic_create(hub, "hub:config");
    slk_spot_topic_create(hub, "hub:ready");
    slk_spot_subscribe(hub, "hub:ready");
    if (slk_spot_bind(hub, endpoint) != 0)
        return fail("bind");
    slk_spot_getsockopt(hub, SLK_LAST_ENDPOINT, bound, &bound_size);
    printf("Hub ready on %s\n", bound);
    fflush(stdout);

    if (await_all(hub, "ready", spokes) != 0 || slk_spot_publish(hub, "hub:config", "go", 2) != 0)
        return fail("go");
    // Spokes need the hub until the last of them has all it wants
    if (await_all(hub, "done", spokes) != 0)
        return 1;
    slk_stats_t stats;
    slk_spot_stats(hub, NULL, &stats, sizeof(stats));
    printf("relayed %d messages\n", (int)stats.relayed_messages);
    return 0;
}

struct spoke {
    slk_spot_t *spot;
    char topic[256];
    int count, others, received[MAX_OTHERS];
    char topics[MAX_OTHERS][256];
};

/* Publishes on a topic of the hub, REMOTE here: it goes to the hub, which hands it on. */
static int tell_hub(struct spoke *spoke, const char *word)
{
    return slk_spot_publish(spoke->spot, "hub:ready", word, strlen(word)) == 0 ? 0 : fail(word);
}

/* Takes a reading of another spoke; each comes once, and in order. */
static int take(struct spoke *spoke, const char *topic, int number)
{
    for (int i = 0; i < spoke->others; i++) {
        if (strcmp(topic, spoke->topics[i]) == 0 && number == spoke->received[i]) {
            spoke->received[i]++;
            return 0;
        }
    }
    fprintf(stderr, "%s: %d is not the next\n", topic, number);
    return 1;
}

static int publish_all(struct spoke *spoke)
{
    for (int i = 0; i < spoke->count; i++) {
        char data[16];
        int len = snprintf(data, sizeof(data), "%d", i);
        if (slk_spot_publish(spoke->spot, spoke->topic, data, (size_t)len) != 0)
            return fail("publish");
    }
    return 0;
}

static int receive(struct spoke *spoke, char *topic, char *data)
{
    size_t topic_len, data_len;
    return slk_spot_recv(spoke->spot, topic, 256, &topic_len, data, 64, &data_len, TIMEOUT_MS);
}

/* Subscribes to the hub's word and to every other spoke, also to one that is not there yet. */
static int subscribe_all(struct spoke *spoke)
{
    slk_spot_subscribe(spoke->spot, "hub:config");
    for (int i = 0; i < spoke->others; i++) {
        slk_spot_subscribe(spoke->spot, spoke->topics[i]);
    }
    // Acknowledged all the way from the spoke that hosts it
    for (int i = 0; i < spoke->others; i++) {
        if (slk_spot_wait_subscribed(spoke->spot, spoke->topics[i], TIMEOUT_MS) != 0)
            return fail(spoke->topics[i]);
    }
    return slk_spot_wait_subscribed(spoke->spot, "hub:config", TIMEOUT_MS) == 0 ? 0 : fail("hub:config");
}

/* Publishes at the hub's word, and receives what the others publish; theirs may come before it. */
static int exchange(struct spoke *spoke)
{
    char topic[256], data[64];
    int left = spoke->count * spoke->others, told = 0;
    while (left > 0 || !told) {
        if (receive(spoke, topic, data) != 0)
            return fail("recv");
        if (strcmp(topic, "hub:config") == 0) {
            told = 1;
            if (publish_all(spoke) != 0)
                return 1;
        } else if (take(spoke, topic, atoi(data)) == 0) {
            left--;
        } else {
            return 1;
        }
    }
    printf("%d of each of %d others\n", spoke->count, spoke->others);
    return 0;
}

static int run_spoke(struct spoke *spoke, const char *hub)
{
    slk_spot_topic_create(spoke->spot, spoke->topic);

    // Connect ONLY to hub
    if (slk_spot_cluster_add(spoke->spot, hub) != 0 || slk_spot_cluster_sync(spoke->spot, TIMEOUT_MS) != 0)
        return fail("sync");
    if (subscribe_all(spoke) != 0 || tell_hub(spoke, "ready") != 0)
        return 1;
    if (exchange(spoke) != 0 || tell_hub(spoke, "done") != 0)
        return 1;

    // Others may still be waiting for what this one has published: leave after the hub
    char topic[256], data[64];
    if (receive(spoke, topic, data) == 0) {
        fprintf(stderr, "%s: %s is one too many\n", topic, data);
        return 1;
    }
    return slk_errno() == SLK_EHOSTUNREACH ? 0 : fail("the hub does not leave");
}

int main(int argc, char **argv)
{
    int is_hub = argc == 4 && strcmp(argv[1], "hub") == 0;
    int is_spoke = argc > 5 && argc - 5 <= MAX_OTHERS && strcmp(argv[1], "spoke") == 0;
    if (!is_hub && !is_spoke) {
        fprintf(stderr, "usage: relay hub ENDPOINT SPOKES\n"
                        "       relay spoke NAME HUB_ENDPOINT COUNT OTHER_NAME...\n");
        return 2;
    }
    slk_ctx_t *ctx = slk_ctx_new();
    slk_spot_t *spot = slk_spot_new(ctx);
    int rc;
    if (is_hub) {
        rc = run_hub(spot, argv[2], atoi(argv[3]));
    } else {
        struct spoke spoke = {.spot = spot, .count = atoi(argv[4]), .others = argc - 5};
        snprintf(spoke.topic, sizeof(spoke.topic), "%s:sensor", argv[2]);
        for (int i = 0; i < spoke.others; i++) {
            snprintf(spoke.topics[i], sizeof(spoke.topics[i]), "%s:sensor", argv[5 + i]);
        }
        rc = run_spoke(&spoke, argv[3]);
    }
    slk_spot_destroy(&spot);
    slk_ctx_destroy(ctx);
    return rc;
}
