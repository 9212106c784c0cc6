/* Destroying: what is blocked wakes up, what is stale stays refused, whatever the order. */
#define _GNU_SOURCE
#include "check.h"

#include <pthread.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { BLOCKED = 4 };

struct blocked {
    slk_spot_t *spot;
    int (*call)(slk_spot_t *spot);
    int result, error;
    pthread_t thread;
    pthread_mutex_t lock;
    long tid; /* 0 until the thread is about to make the call */
};

static int recv_for_ever(slk_spot_t *spot)
{
    char topic[64], data[64];
    return slk_spot_recv(spot, topic, 64, NULL, data, 64, NULL, -1);
}

static int wait_for_ever(slk_spot_t *spot)
{
    return slk_spot_wait_subscribers(spot, "t", 5, -1);
}

static void *block(void *argument)
{
    struct blocked *self = argument;
    pthread_mutex_lock(&self->lock);
    self->tid = syscall(SYS_gettid);
    pthread_mutex_unlock(&self->lock);
    self->result = self->call(self->spot);
    self->error = slk_errno();
    /* From then on the handle is just unknown. */
    FAILS(SLK_EINVAL, self->call(self->spot));
    return NULL;
}

/* Whether the thread sleeps, which it does only within the call. */
static int is_asleep(struct blocked *blocked)
{
    char path[64], stat[256] = "";
    pthread_mutex_lock(&blocked->lock);
    snprintf(path, sizeof(path), "/proc/self/task/%ld/stat", blocked->tid);
    pthread_mutex_unlock(&blocked->lock);
    FILE *file = fopen(path, "r");
    if (file == NULL)
        return 0;
    CHECK(fgets(stat, sizeof(stat), file) != NULL);
    fclose(file);
    char *state = strrchr(stat, ')');
    return state != NULL && state[2] == 'S';
}

static void start_blocked(struct blocked *threads, slk_spot_t *spot, int (*call)(slk_spot_t *))
{
    OK(slk_spot_topic_create(spot, "t"));
    OK(slk_spot_subscribe(spot, "t"));
    for (int i = 0; i < BLOCKED; i++) {
        threads[i].spot = spot;
        threads[i].call = call;
        threads[i].tid = 0;
        CHECK(pthread_mutex_init(&threads[i].lock, NULL) == 0);
        CHECK(pthread_create(&threads[i].thread, NULL, block, &threads[i]) == 0);
    }
    for (int i = 0; i < BLOCKED; i++) {
        while (!is_asleep(&threads[i]))
            sched_yield();
    }
}

static void join_blocked(struct blocked *threads)
{
    for (int i = 0; i < BLOCKED; i++) {
        CHECK(pthread_join(threads[i].thread, NULL) == 0);
        CHECK(threads[i].result == -1 && threads[i].error == SLK_ETERM);
    }
}

static void destroy_wakes_blocked_calls(slk_ctx_t *ctx)
{
    int (*const calls[])(slk_spot_t *) = {recv_for_ever, wait_for_ever};
    for (int i = 0; i < 2; i++) {
        struct blocked threads[BLOCKED];
        slk_spot_t *spot = slk_spot_new(ctx);
        start_blocked(threads, spot, calls[i]);
        slk_spot_destroy(&spot);
        CHECK(spot == NULL);
        join_blocked(threads);
    }
}

static void destroying_the_context_wakes_them_too(void)
{
    struct blocked threads[BLOCKED];
    slk_ctx_t *ctx = slk_ctx_new();
    slk_spot_t *spot = slk_spot_new(ctx);
    start_blocked(threads, spot, recv_for_ever);
    slk_ctx_destroy(ctx);
    join_blocked(threads);
    slk_spot_destroy(&spot);
}

static void destroying_twice_is_harmless(slk_ctx_t *ctx)
{
    slk_spot_t *spot = slk_spot_new(ctx), *copy = spot;
    slk_spot_destroy(&spot);
    slk_spot_destroy(&spot);
    slk_spot_destroy(&copy);
    CHECK(spot == NULL && copy == NULL);
}

static void publishers_outlive_their_instance(slk_ctx_t *ctx)
{
    slk_spot_t *spot = slk_spot_new(ctx);
    OK(slk_spot_topic_create(spot, "t"));
    slk_spot_publisher_t *publisher = slk_spot_publisher_new(spot, "t");
    slk_spot_destroy(&spot);
    FAILS(SLK_ETERM, slk_spot_publisher_publish(publisher, "x", 1));
    slk_spot_publisher_destroy(&publisher);
}

static void many_instances_come_and_go(slk_ctx_t *ctx)
{
    for (int i = 0; i < 100; i++) {
        slk_spot_t *spot = slk_spot_new(ctx);
        CHECK(spot != NULL);
        OK(slk_spot_topic_create(spot, "t"));
        OK(slk_spot_subscribe(spot, "t"));
        PUBLISH(spot, "t", "x");
        RECEIVES(spot, "t", "x");
        slk_spot_destroy(&spot);
    }
}

struct use {
    slk_spot_t **spots;
    pthread_t thread;
};

/* Uses instances while others destroy and remake them: anything may fail, nothing may crash. */
static void *use_at_random(void *argument)
{
    struct use *self = argument;
    char topic[64], data[64];
    for (int i = 0; i < 2000; i++) {
        slk_spot_t *spot = self->spots[i % 8];
        slk_spot_publish(spot, "t", "x", 1);
        slk_spot_recv(spot, topic, 64, NULL, data, 64, NULL, SLK_DONTWAIT);
    }
    return NULL;
}

static void using_while_destroying_is_safe(slk_ctx_t *ctx)
{
    slk_spot_t *spots[8], *copies[8];
    struct use users[3];
    for (int i = 0; i < 8; i++) {
        copies[i] = spots[i] = slk_spot_new(ctx);
        OK(slk_spot_topic_create(spots[i], "t"));
        OK(slk_spot_subscribe(spots[i], "t"));
    }
    for (int i = 0; i < 3; i++) {
        users[i].spots = copies;
        CHECK(pthread_create(&users[i].thread, NULL, use_at_random, &users[i]) == 0);
    }
    for (int i = 0; i < 8; i++)
        slk_spot_destroy(&spots[i]);
    for (int i = 0; i < 3; i++)
        CHECK(pthread_join(users[i].thread, NULL) == 0);
}

int main(void)
{
    slk_ctx_t *ctx = slk_ctx_new();
    destroy_wakes_blocked_calls(ctx);
    destroying_the_context_wakes_them_too();
    destroying_twice_is_harmless(ctx);
    publishers_outlive_their_instance(ctx);
    many_instances_come_and_go(ctx);
    using_while_destroying_is_safe(ctx);
    slk_ctx_destroy(ctx);
    return 0;
}
