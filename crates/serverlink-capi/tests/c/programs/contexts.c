/* Contexts: their options, their limit, and what they destroy. */
#include "check.h"

static void options_are_read_as_set(void)
{
    slk_ctx_t *ctx = slk_ctx_new();
    char text[32];
    size_t len = sizeof(text);
    int value = 0;

    OK(slk_ctx_get(ctx, SLK_THREAD_NAME_PREFIX, text, &len));
    CHECK(strcmp(text, "spot") == 0 && len == 5);
    OK(slk_ctx_set(ctx, SLK_THREAD_NAME_PREFIX, "game", 4));
    len = sizeof(text);
    OK(slk_ctx_get(ctx, SLK_THREAD_NAME_PREFIX, text, &len));
    CHECK(strcmp(text, "game") == 0);
    FAILS(SLK_EINVAL, slk_ctx_set(ctx, SLK_THREAD_NAME_PREFIX, "", 0));
    FAILS(SLK_EINVAL, slk_ctx_set(ctx, SLK_THREAD_NAME_PREFIX, "thirteen byte", 13));

    len = sizeof(value);
    OK(slk_ctx_get(ctx, SLK_IO_THREADS, &value, &len));
    CHECK(value == 1 && len == sizeof(value));
    value = 2;
    OK(slk_ctx_set(ctx, SLK_IO_THREADS, &value, sizeof(value)));
    value = 0;
    FAILS(SLK_EINVAL, slk_ctx_set(ctx, SLK_IO_THREADS, &value, sizeof(value)));
    FAILS(SLK_EINVAL, slk_ctx_set(ctx, SLK_MAX_SOCKETS, &value, sizeof(value)));
    value = 65;
    FAILS(SLK_EINVAL, slk_ctx_set(ctx, SLK_IO_THREADS, &value, sizeof(value)));
    FAILS(SLK_EINVAL, slk_ctx_set(ctx, SLK_MAX_SOCKETS, &value, 1));
    FAILS(SLK_EINVAL, slk_ctx_set(ctx, 999, &value, sizeof(value)));
    len = sizeof(value);
    FAILS(SLK_EINVAL, slk_ctx_get(ctx, 999, &value, &len));
    len = sizeof(value) - 1;
    FAILS(SLK_EINVAL, slk_ctx_get(ctx, SLK_IO_THREADS, &value, &len));
    len = 4;
    FAILS(SLK_EINVAL, slk_ctx_get(ctx, SLK_THREAD_NAME_PREFIX, text, &len));

    slk_spot_t *spot = slk_spot_new(ctx);
    OK(slk_spot_topic_create(spot, "t"));
    value = 3;
    FAILS(SLK_EINVAL, slk_ctx_set(ctx, SLK_IO_THREADS, &value, sizeof(value)));
    slk_ctx_destroy(ctx);
}

static void a_full_context_says_so(void)
{
    slk_ctx_t *ctx = slk_ctx_new();
    int most = 2;
    OK(slk_ctx_set(ctx, SLK_MAX_SOCKETS, &most, sizeof(most)));
    slk_spot_t *first = slk_spot_new(ctx), *second = slk_spot_new(ctx);
    CHECK(first != NULL && second != NULL);
    OK(slk_spot_topic_create(first, "a"));
    OK(slk_spot_topic_create(second, "b"));
    FAILS_NULL(1024, slk_spot_new(ctx));
    slk_spot_destroy(&first);
    first = slk_spot_new(ctx);
    CHECK(first != NULL);
    OK(slk_spot_topic_create(first, "a"));
    slk_ctx_destroy(ctx);
}

static void instances_of_a_context_find_each_other(void)
{
    slk_ctx_t *ctx = slk_ctx_new();
    slk_spot_t *host = slk_spot_new(ctx), *listener = slk_spot_new(ctx);
    OK(slk_spot_topic_create(host, "room"));
    OK(slk_spot_subscribe(listener, "room"));
    OK(slk_spot_wait_subscribed(listener, "room", LONG_MS));
    PUBLISH(host, "room", "over the wall");
    RECEIVES(listener, "room", "over the wall");
    slk_ctx_destroy(ctx);
}

static void a_context_never_used_can_go(void)
{
    slk_ctx_t *ctx = slk_ctx_new();
    slk_ctx_destroy(ctx);
    slk_ctx_destroy(ctx);
    ctx = slk_ctx_new();
    CHECK(slk_spot_new(ctx) != NULL);
    slk_ctx_destroy(ctx);
}

int main(void)
{
    options_are_read_as_set();
    a_full_context_says_so();
    instances_of_a_context_find_each_other();
    a_context_never_used_can_go();
    return 0;
}
