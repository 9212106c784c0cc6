/* What a full receive queue drops is told to the monitor: of either topic once, and exactly. */
#define _POSIX_C_SOURCE 200809L
#include "check.h"

#include <poll.h>
#include <pthread.h>

/* What the gaps so far say is missing of the topics "a" and "b". */
struct missing {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    uint64_t of_a, of_b;
    int gaps;
};

static void on_event(const slk_event_t *event, void *user)
{
    struct missing *missing = user;
    if (event->type != SLK_EVENT_GAP)
        return;
    pthread_mutex_lock(&missing->lock);
    *(strcmp(event->topic, "a") == 0 ? &missing->of_a : &missing->of_b) += event->count;
    missing->gaps++;
    pthread_cond_signal(&missing->changed);
    pthread_mutex_unlock(&missing->lock);
}

static int is_readable(slk_fd_t fd)
{
    struct pollfd poll_fd = {fd, POLLIN, 0};
    return poll(&poll_fd, 1, 0) == 1;
}

int main(void)
{
    struct missing missing = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0, 0, 0};
    slk_ctx_t *ctx = slk_ctx_new();
    slk_spot_t *spot = slk_spot_new(ctx);
    slk_fd_t fd;
    OK(slk_spot_monitor(spot, on_event, &missing));
    OK(slk_spot_set_hwm(spot, 1000, 2));
    OK(slk_spot_fd(spot, &fd));
    OK(slk_spot_topic_create(spot, "a"));
    OK(slk_spot_topic_create(spot, "b"));
    OK(slk_spot_subscribe(spot, "a"));
    OK(slk_spot_subscribe(spot, "b"));
    for (int i = 0; i < 6; i++) {
        PUBLISH(spot, "a", "data");
        PUBLISH(spot, "b", "data");
    }
    RECEIVES(spot, "a", "data");
    RECEIVES(spot, "b", "data");
    CHECK(!is_readable(fd));
    RECEIVES_NOTHING(spot);

    pthread_mutex_lock(&missing.lock);
    while (missing.gaps < 2)
        pthread_cond_wait(&missing.changed, &missing.lock);
    CHECK(missing.of_a == 5 && missing.of_b == 5);
    pthread_mutex_unlock(&missing.lock);

    /* Told once, and only what was lost since. */
    slk_stats_t stats;
    OK(slk_spot_stats(spot, NULL, &stats, sizeof(stats)));
    CHECK(stats.dropped_at_receiver == 10 && stats.gaps == 0);
    for (int i = 0; i < 3; i++)
        PUBLISH(spot, "a", "data");
    RECEIVES(spot, "a", "data");
    pthread_mutex_lock(&missing.lock);
    while (missing.gaps < 3)
        pthread_cond_wait(&missing.changed, &missing.lock);
    CHECK(missing.gaps == 3 && missing.of_a == 6 && missing.of_b == 5);
    pthread_mutex_unlock(&missing.lock);
    slk_ctx_destroy(ctx);
    return 0;
}
