/* Wrong handles and wrong pointers are errors, never crashes. */
#include "check.h"

/* The call fails, and the text names it and says NULL. */
#define REFUSES_NULL(call)                                                                         \
    do {                                                                                           \
        FAILS(SLK_EINVAL, call);                                                                   \
        CHECK(names_call_and_null(#call));                                                         \
    } while (0)

static int names_call_and_null(const char *call)
{
    char name[64] = " of ";
    strncat(name, call, strcspn(call, "("));
    strcat(name, " is NULL");
    return strstr(slk_errmsg(), name) != NULL;
}

static char buffer[64];
static size_t len;
static int number;

/* Every call that takes an instance, with everything else in order. */
static void each_call_refuses(slk_spot_t *spot)
{
    char **topics;
    slk_peer_t *peers;
    slk_stats_t stats;
    slk_fd_t fd;
    slk_buf_t message = {"x", 1};

    FAILS(SLK_EINVAL, slk_spot_topic_create(spot, "t"));
    FAILS(SLK_EINVAL, slk_spot_topic_route(spot, "t", "tcp://127.0.0.1:1"));
    FAILS(SLK_EINVAL, slk_spot_topic_destroy(spot, "t"));
    FAILS(SLK_EINVAL, slk_spot_topic_exists(spot, "t"));
    FAILS(SLK_EINVAL, slk_spot_topic_is_local(spot, "t"));
    FAILS(SLK_EINVAL, slk_spot_list_topics(spot, &topics, &len));
    FAILS(SLK_EINVAL, slk_spot_subscribe(spot, "t"));
    FAILS(SLK_EINVAL, slk_spot_subscribe_pattern(spot, "t*"));
    FAILS(SLK_EINVAL, slk_spot_unsubscribe(spot, "t"));
    FAILS(SLK_EINVAL, slk_spot_wait_subscribed(spot, NULL, 0));
    FAILS(SLK_EINVAL, slk_spot_wait_subscribers(spot, "t", 1, 0));
    FAILS(SLK_EINVAL, slk_spot_publish(spot, "t", "x", 1));
    FAILS(SLK_EINVAL, slk_spot_publish_many(spot, "t", &message, 1, &len));
    FAILS_NULL(SLK_EINVAL, slk_spot_publisher_new(spot, "t"));
    FAILS(SLK_EINVAL, slk_spot_recv(spot, buffer, sizeof(buffer), &len, buffer, sizeof(buffer), &len, 1));
    FAILS(SLK_EINVAL, slk_spot_fd(spot, &fd));
    FAILS(SLK_EINVAL, slk_spot_bind(spot, "tcp://127.0.0.1:0"));
    FAILS(SLK_EINVAL, slk_spot_cluster_add(spot, "tcp://127.0.0.1:1"));
    FAILS(SLK_EINVAL, slk_spot_cluster_remove(spot, "tcp://127.0.0.1:1"));
    FAILS(SLK_EINVAL, slk_spot_cluster_sync(spot, 0));
    FAILS(SLK_EINVAL, slk_spot_peers(spot, &peers, &len));
    FAILS(SLK_EINVAL, slk_spot_set_hwm(spot, 1, 1));
    FAILS(SLK_EINVAL, slk_spot_setsockopt(spot, SLK_LINGER, &number, sizeof(number)));
    len = sizeof(number);
    FAILS(SLK_EINVAL, slk_spot_getsockopt(spot, SLK_LINGER, &number, &len));
    FAILS(SLK_EINVAL, slk_spot_stats(spot, NULL, &stats, sizeof(stats)));
    FAILS(SLK_EINVAL, slk_spot_monitor(spot, NULL, NULL));
    slk_spot_destroy(&spot);
    CHECK(spot == NULL);
}

static void each_context_call_refuses(slk_ctx_t *ctx)
{
    FAILS_NULL(SLK_EINVAL, slk_spot_new(ctx));
    number = 1;
    FAILS(SLK_EINVAL, slk_ctx_set(ctx, SLK_IO_THREADS, &number, sizeof(number)));
    len = sizeof(number);
    FAILS(SLK_EINVAL, slk_ctx_get(ctx, SLK_IO_THREADS, &number, &len));
    slk_ctx_destroy(ctx);
}

static void null_is_refused_everywhere_else(slk_ctx_t *ctx, slk_spot_t *spot)
{
    char **topics;
    slk_peer_t *peers;

    REFUSES_NULL(slk_spot_topic_create(spot, NULL));
    REFUSES_NULL(slk_spot_topic_route(spot, NULL, "tcp://127.0.0.1:1"));
    REFUSES_NULL(slk_spot_topic_route(spot, "t", NULL));
    REFUSES_NULL(slk_spot_topic_destroy(spot, NULL));
    REFUSES_NULL(slk_spot_topic_exists(spot, NULL));
    REFUSES_NULL(slk_spot_topic_is_local(spot, NULL));
    REFUSES_NULL(slk_spot_list_topics(spot, NULL, &len));
    REFUSES_NULL(slk_spot_list_topics(spot, &topics, NULL));
    REFUSES_NULL(slk_spot_subscribe(spot, NULL));
    REFUSES_NULL(slk_spot_subscribe_pattern(spot, NULL));
    REFUSES_NULL(slk_spot_unsubscribe(spot, NULL));
    REFUSES_NULL(slk_spot_wait_subscribers(spot, NULL, 1, 0));
    REFUSES_NULL(slk_spot_publish(spot, NULL, "x", 1));
    REFUSES_NULL(slk_spot_publish(spot, "t", NULL, 1));
    REFUSES_NULL(slk_spot_publish_many(spot, NULL, NULL, 0, NULL));
    FAILS_NULL(SLK_EINVAL, slk_spot_publisher_new(spot, NULL));
    REFUSES_NULL(slk_spot_recv(spot, NULL, 1, &len, buffer, 1, &len, 1));
    REFUSES_NULL(slk_spot_recv(spot, buffer, 1, &len, NULL, 1, &len, 1));
    FAILS(SLK_EAGAIN, slk_spot_recv(spot, NULL, 0, NULL, NULL, 0, NULL, 1));
    REFUSES_NULL(slk_spot_fd(spot, NULL));
    REFUSES_NULL(slk_spot_bind(spot, NULL));
    REFUSES_NULL(slk_spot_cluster_add(spot, NULL));
    REFUSES_NULL(slk_spot_cluster_remove(spot, NULL));
    REFUSES_NULL(slk_spot_peers(spot, NULL, &len));
    REFUSES_NULL(slk_spot_peers(spot, &peers, NULL));
    FAILS(SLK_EINVAL, slk_spot_setsockopt(spot, SLK_LINGER, NULL, sizeof(int)));
    FAILS(SLK_EINVAL, slk_spot_getsockopt(spot, SLK_LINGER, NULL, &len));
    FAILS(SLK_EINVAL, slk_spot_getsockopt(spot, SLK_LINGER, &number, NULL));
    REFUSES_NULL(slk_spot_stats(spot, NULL, NULL, 8));
    FAILS(SLK_EINVAL, slk_ctx_set(ctx, SLK_IO_THREADS, NULL, sizeof(int)));
    FAILS(SLK_EINVAL, slk_ctx_get(ctx, SLK_IO_THREADS, NULL, &len));
    FAILS(SLK_EINVAL, slk_ctx_get(ctx, SLK_IO_THREADS, &number, NULL));

    slk_spot_destroy(NULL);
    slk_spot_publisher_destroy(NULL);
    slk_spot_list_topics_free(NULL, 7);
    slk_spot_peers_free(NULL, 7);
    slk_version(NULL, NULL, NULL);
    CHECK(slk_has(NULL) == 0);
}

static void wrong_numbers_are_refused(slk_spot_t *spot)
{
    FAILS(SLK_EINVAL, slk_spot_wait_subscribed(spot, NULL, -2));
    FAILS(SLK_EINVAL, slk_spot_wait_subscribers(spot, "t", -1, 0));
    FAILS(SLK_EINVAL, slk_spot_wait_subscribers(spot, "t", 1, -2));
    FAILS(SLK_EINVAL, slk_spot_cluster_sync(spot, -2));
    FAILS(SLK_EINVAL, slk_spot_recv(spot, buffer, 64, &len, buffer, 64, &len, -2));
    FAILS(SLK_EINVAL, slk_spot_set_hwm(spot, -1, 1));
    FAILS(SLK_EINVAL, slk_spot_set_hwm(spot, 1, -1));
}

static void publishers_are_handles_too(slk_spot_t *spot)
{
    OK(slk_spot_topic_create(spot, "t"));
    slk_spot_publisher_t *publisher = slk_spot_publisher_new(spot, "t"), *stale = publisher;
    CHECK(publisher != NULL);
    FAILS(SLK_EINVAL, slk_spot_publisher_publish(publisher, NULL, 1));
    FAILS(SLK_EINVAL, slk_spot_publisher_publish_many(publisher, NULL, 1, &len));
    OK(slk_spot_publisher_publish_many(publisher, NULL, 0, &len));
    slk_spot_publisher_destroy(&publisher);
    CHECK(publisher == NULL);
    FAILS(SLK_EINVAL, slk_spot_publisher_publish(stale, "x", 1));
    FAILS(SLK_EINVAL, slk_spot_publisher_publish_many(stale, NULL, 0, &len));
    FAILS(SLK_EINVAL, slk_spot_publisher_publish((slk_spot_publisher_t *)spot, "x", 1));
    slk_spot_publisher_destroy(&stale);
}

int main(void)
{
    int on_the_stack;
    void *on_the_heap = malloc(64);
    slk_ctx_t *ctx = slk_ctx_new();
    slk_spot_t *spot = slk_spot_new(ctx), *stale = spot;
    CHECK(ctx != NULL && spot != NULL);

    each_call_refuses(NULL);
    each_call_refuses((slk_spot_t *)1);
    each_call_refuses((slk_spot_t *)0xdeadbeef);
    each_call_refuses((slk_spot_t *)-1);
    each_call_refuses((slk_spot_t *)&on_the_stack);
    each_call_refuses((slk_spot_t *)on_the_heap);
    each_call_refuses((slk_spot_t *)ctx);
    each_context_call_refuses(NULL);
    each_context_call_refuses((slk_ctx_t *)on_the_heap);
    each_context_call_refuses((slk_ctx_t *)spot);

    null_is_refused_everywhere_else(ctx, spot);
    wrong_numbers_are_refused(spot);
    publishers_are_handles_too(spot);

    slk_spot_destroy(&spot);
    each_call_refuses(stale);
    spot = slk_spot_new(ctx);
    each_call_refuses(stale);

    stale = spot;
    slk_ctx_destroy(ctx);
    each_call_refuses(stale);
    each_context_call_refuses(ctx);
    free(on_the_heap);
    return 0;
}
