/* Events by callback. */
#define _POSIX_C_SOURCE 200809L
#include "check.h"

#include <pthread.h>

/* The events seen so far, and a way to wait for one. */
struct seen {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    int count[16];
    char topic[256], name[256];
    int texts_missing;
    pthread_t thread;
};

static void seen_init(struct seen *seen)
{
    memset(seen, 0, sizeof(*seen));
    CHECK(pthread_mutex_init(&seen->lock, NULL) == 0);
    CHECK(pthread_cond_init(&seen->changed, NULL) == 0);
}

static void on_event(const slk_event_t *event, void *user)
{
    struct seen *seen = user;
    pthread_mutex_lock(&seen->lock);
    seen->count[event->type % 16]++;
    seen->thread = pthread_self();
    if (!event->endpoint || !event->name || !event->node_id || !event->topic || !event->reason)
        seen->texts_missing = 1;
    if (event->type == SLK_EVENT_TOPIC_ADDED)
        snprintf(seen->topic, sizeof(seen->topic), "%s", event->topic);
    if (event->type == SLK_EVENT_PEER_UP)
        snprintf(seen->name, sizeof(seen->name), "%s", event->name);
    pthread_cond_broadcast(&seen->changed);
    pthread_mutex_unlock(&seen->lock);
}

static void wait_for(struct seen *seen, int type)
{
    pthread_mutex_lock(&seen->lock);
    while (seen->count[type] == 0)
        pthread_cond_wait(&seen->changed, &seen->lock);
    pthread_mutex_unlock(&seen->lock);
}

static void on_event_destroy(const slk_event_t *event, void *user)
{
    slk_spot_t **spot = user;
    if (event->type == SLK_EVENT_PEER_UP)
        slk_spot_destroy(spot);
}

static void bound(slk_spot_t *spot, char *endpoint, size_t len)
{
    OK(slk_spot_bind(spot, "tcp://127.0.0.1:0"));
    OK(slk_spot_getsockopt(spot, SLK_LAST_ENDPOINT, endpoint, &len));
}

int main(void)
{
    slk_ctx_t *ctx = slk_ctx_new(), *other = slk_ctx_new();
    slk_spot_t *a = slk_spot_new(ctx), *b = slk_spot_new(other), *c = slk_spot_new(other);
    struct seen seen, later;
    char endpoint[256];
    seen_init(&seen);
    seen_init(&later);

    OK(slk_spot_setsockopt(a, SLK_SPOT_NODE_NAME, "a", 1));
    OK(slk_spot_topic_create(a, "news"));
    bound(a, endpoint, sizeof(endpoint));

    OK(slk_spot_monitor(b, on_event, &seen));
    OK(slk_spot_cluster_add(b, "tcp://127.0.0.1:1"));
    wait_for(&seen, SLK_EVENT_CONNECT_FAILED);
    OK(slk_spot_cluster_remove(b, "tcp://127.0.0.1:1"));
    OK(slk_spot_cluster_add(b, endpoint));
    wait_for(&seen, SLK_EVENT_PEER_UP);
    wait_for(&seen, SLK_EVENT_TOPIC_ADDED);
    CHECK(strcmp(seen.topic, "news") == 0 && strcmp(seen.name, "a") == 0);
    CHECK(!seen.texts_missing);
    CHECK(!pthread_equal(seen.thread, pthread_self()));

    /* Replaced: the former callback hears no more, the new one does. */
    int heard = seen.count[SLK_EVENT_PEER_DOWN];
    OK(slk_spot_monitor(b, on_event, &later));

    /* A callback may destroy its own instance. */
    slk_spot_t *copy = c;
    OK(slk_spot_monitor(c, on_event_destroy, &copy));
    OK(slk_spot_cluster_add(c, endpoint));

    slk_ctx_destroy(ctx);
    wait_for(&later, SLK_EVENT_PEER_DOWN);
    CHECK(seen.count[SLK_EVENT_PEER_DOWN] == heard);

    OK(slk_spot_monitor(b, NULL, NULL));
    OK(slk_spot_monitor(b, NULL, NULL));
    slk_ctx_destroy(other);
    CHECK(!later.texts_missing);
    return 0;
}
