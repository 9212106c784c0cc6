/* Destroying: what is blocked wakes up, what is stale stays refused, whatever the order. */
#define _POSIX_C_SOURCE 200809L
#include "check.h"

#include <pthread.h>

enum { BLOCKED = 4 };

struct blocked {
    slk_spot_t *spot;
    int result, error;
    pthread_t thread;
};

static pthread_barrier_t started;

static void *block_in_recv(void *argument)
{
    struct blocked *self = argument;
    char topic[64], data[64];
    pthread_barrier_wait(&started);
    self->result = slk_spot_recv(self->spot, topic, 64, NULL, data, 64, NULL, -1);
    self->error = slk_errno();
    /* After the end, the handle is just unknown. */
    FAILS(SLK_EINVAL, slk_spot_recv(self->spot, topic, 64, NULL, data, 64, NULL, -1));
    return NULL;
}

static void start_blocked(struct blocked *threads, slk_spot_t *spot)
{
    CHECK(pthread_barrier_init(&started, NULL, BLOCKED + 1) == 0);
    for (int i = 0; i < BLOCKED; i++) {
        threads[i].spot = spot;
        CHECK(pthread_create(&threads[i].thread, NULL, block_in_recv, &threads[i]) == 0);
    }
    pthread_barrier_wait(&started);
}

/* A thread that was not yet in the call when the handle died gets EINVAL. */
static void join_blocked(struct blocked *threads)
{
    for (int i = 0; i < BLOCKED; i++) {
        CHECK(pthread_join(threads[i].thread, NULL) == 0);
        CHECK(threads[i].result == -1);
        CHECK(threads[i].error == SLK_ETERM || threads[i].error == SLK_EINVAL);
    }
}

static void destroy_wakes_blocked_calls(slk_ctx_t *ctx)
{
    struct blocked threads[BLOCKED];
    slk_spot_t *spot = slk_spot_new(ctx);
    OK(slk_spot_topic_create(spot, "t"));
    OK(slk_spot_subscribe(spot, "t"));
    start_blocked(threads, spot);
    slk_spot_destroy(&spot);
    CHECK(spot == NULL);
    join_blocked(threads);
}

static void destroying_the_context_wakes_them_too(void)
{
    struct blocked threads[BLOCKED];
    slk_ctx_t *ctx = slk_ctx_new();
    slk_spot_t *spot = slk_spot_new(ctx);
    OK(slk_spot_topic_create(spot, "t"));
    OK(slk_spot_subscribe(spot, "t"));
    start_blocked(threads, spot);
    slk_ctx_destroy(ctx);
    join_blocked(threads);
    slk_spot_destroy(&spot);
}

/* With one thread the outcome is certain: it is in the call before the handle dies. */
static void *block_alone(void *argument)
{
    struct blocked *self = argument;
    char topic[64], data[64];
    OK(slk_spot_recv(self->spot, topic, 64, NULL, data, 64, NULL, -1));
    self->result = slk_spot_wait_subscribers(self->spot, "t", 5, -1);
    self->error = slk_errno();
    return NULL;
}

static void destroy_wakes_other_waits(slk_ctx_t *ctx)
{
    struct blocked self;
    self.spot = slk_spot_new(ctx);
    OK(slk_spot_topic_create(self.spot, "t"));
    OK(slk_spot_subscribe(self.spot, "t"));
    CHECK(pthread_create(&self.thread, NULL, block_alone, &self) == 0);
    PUBLISH(self.spot, "t", "go");
    slk_spot_t *spot = self.spot;
    slk_spot_destroy(&spot);
    CHECK(pthread_join(self.thread, NULL) == 0);
    CHECK(self.result == -1 && (self.error == SLK_ETERM || self.error == SLK_EINVAL));
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
    destroy_wakes_other_waits(ctx);
    destroying_twice_is_harmless(ctx);
    publishers_outlive_their_instance(ctx);
    many_instances_come_and_go(ctx);
    using_while_destroying_is_safe(ctx);
    slk_ctx_destroy(ctx);
    return 0;
}
