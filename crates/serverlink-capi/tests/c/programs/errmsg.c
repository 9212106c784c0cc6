/* slk_errmsg: each bad input is told with its value and what to do, and changes nothing. */
#define _POSIX_C_SOURCE 200809L
#include "check.h"

#include <pthread.h>

/* The call fails with this error, and the text has both words in it. */
#define TELLS(error, word, other_word, call)                                                       \
    do {                                                                                           \
        FAILS(error, call);                                                                        \
        told(__LINE__, word, other_word);                                                          \
    } while (0)

static void told(int line, const char *word, const char *other_word)
{
    if (strstr(slk_errmsg(), word) == NULL || strstr(slk_errmsg(), other_word) == NULL) {
        fprintf(stderr, "line %d: %s\n", line, slk_errmsg());
        exit(1);
    }
}

static void nothing_is_known(slk_spot_t *spot)
{
    char **topics, endpoint[256];
    slk_peer_t *peers;
    size_t count, len = sizeof(endpoint);
    OK(slk_spot_list_topics(spot, &topics, &count));
    CHECK(count == 0);
    slk_spot_list_topics_free(topics, count);
    OK(slk_spot_peers(spot, &peers, &count));
    CHECK(count == 0);
    slk_spot_peers_free(peers, count);
    OK(slk_spot_getsockopt(spot, SLK_LAST_ENDPOINT, endpoint, &len));
    CHECK(strcmp(endpoint, "") == 0);
}

static void topic_names(slk_spot_t *spot)
{
    char name[257];
    memset(name, 'x', 256);
    name[256] = '\0';
    TELLS(SLK_EINVAL, "256 bytes", "shorten", slk_spot_topic_create(spot, name));
    TELLS(SLK_EINVAL, "256 bytes", "shorten", slk_spot_subscribe(spot, name));
    TELLS(SLK_EINVAL, "256 bytes", "shorten", slk_spot_publish(spot, name, "x", 1));
    TELLS(SLK_EINVAL, "empty", "1 to 255", slk_spot_topic_create(spot, ""));
    TELLS(SLK_EINVAL, "topic of slk_spot_topic_create", "\"caf\\xe9\"; encode it as UTF-8",
          slk_spot_topic_create(spot, "caf\xe9"));
    TELLS(SLK_EINVAL, "a[", "]", slk_spot_subscribe_pattern(spot, "a["));
    TELLS(SLK_ENOENT, "\"nobody:has\"", "add a peer", slk_spot_publish(spot, "nobody:has", "x", 1));
    TELLS(SLK_ENOENT, "\"nobody:has\"", "no peers", slk_spot_subscribe(spot, "nobody:has"));
    TELLS(SLK_ENOENT, "\"nobody:has\"", "not subscribed", slk_spot_unsubscribe(spot, "nobody:has"));
    nothing_is_known(spot);
}

static void endpoints(slk_ctx_t *ctx, slk_spot_t *spot)
{
    TELLS(SLK_EINVAL, "tpc://*:5555", "tcp://", slk_spot_bind(spot, "tpc://*:5555"));
    TELLS(SLK_EINVAL, "tcp://host:port", "tcp://nodeA", slk_spot_cluster_add(spot, "tcp://nodeA"));
    TELLS(SLK_EINVAL, "tcp://a:99999", "0 to 65535", slk_spot_topic_route(spot, "t", "tcp://a:99999"));
    TELLS(SLK_EADDRNOTAVAIL, "tcp://192.0.2.1:0", "tcp://*:PORT", slk_spot_bind(spot, "tcp://192.0.2.1:0"));

    slk_spot_t *holder = slk_spot_new(ctx);
    char endpoint[256];
    size_t len = sizeof(endpoint);
    OK(slk_spot_bind(holder, "tcp://127.0.0.1:0"));
    OK(slk_spot_getsockopt(holder, SLK_LAST_ENDPOINT, endpoint, &len));
    TELLS(SLK_EADDRINUSE, endpoint, "another port", slk_spot_bind(spot, endpoint));
    TELLS(SLK_EEXIST, endpoint, "already", slk_spot_bind(holder, endpoint));
    slk_spot_destroy(&holder);

    TELLS(SLK_ENOENT, "tcp://a:1", "never added", slk_spot_cluster_remove(spot, "tcp://a:1"));
    nothing_is_known(spot);
}

/* Adding returns at once; that the name means nothing shows when the peer is needed. */
static void names_that_do_not_resolve(slk_ctx_t *ctx)
{
    slk_spot_t *spot = slk_spot_new(ctx);
    const char *nowhere = "tcp://no-such-host.invalid:5555";
    slk_peer_t *peers;
    size_t count;
    OK(slk_spot_cluster_add(spot, nowhere));
    TELLS(SLK_EHOSTUNREACH, nowhere, "is a node running there", slk_spot_cluster_sync(spot, 200));
    TELLS(SLK_EEXIST, nowhere, "before", slk_spot_cluster_add(spot, nowhere));
    OK(slk_spot_peers(spot, &peers, &count));
    CHECK(count == 1 && strcmp(peers[0].endpoint, nowhere) == 0);
    slk_spot_peers_free(peers, count);
    slk_spot_destroy(&spot);
}

static void flags_and_numbers(slk_spot_t *spot)
{
    char topic[64], data[64];
    size_t len = 7;
    OK(slk_spot_topic_create(spot, "t"));
    OK(slk_spot_subscribe(spot, "t"));
    PUBLISH(spot, "t", "kept");
    TELLS(SLK_EINVAL, "flags of slk_spot_recv is -7", "SLK_DONTWAIT",
          slk_spot_recv(spot, topic, 64, &len, data, 64, &len, -7));
    CHECK(len == 7);
    TELLS(SLK_EMSGSIZE, "1 bytes", "4 for its data", slk_spot_recv(spot, topic, 64, &len, data, 3, &len, 1));
    RECEIVES(spot, "t", "kept");
    TELLS(SLK_EAGAIN, "nothing came", "wait", slk_spot_recv(spot, topic, 64, &len, data, 64, &len, SLK_DONTWAIT));
    TELLS(SLK_EINVAL, "timeout_ms of slk_spot_cluster_sync is -2", "-1 (for ever)",
          slk_spot_cluster_sync(spot, -2));
    TELLS(SLK_EINVAL, "count of slk_spot_wait_subscribers is -1", "0 or more",
          slk_spot_wait_subscribers(spot, "t", -1, 0));
    TELLS(SLK_ENOENT, "\"nobody:has\"", "not known here", slk_spot_wait_subscribers(spot, "nobody:has", 1, 5));
    TELLS(SLK_ETIMEDOUT, "5ms", "longer", slk_spot_wait_subscribers(spot, "t", 9, 5));
    OK(slk_spot_unsubscribe(spot, "t"));
    /* It said that the topic, which is hosted here, is not known. */
    TELLS(SLK_ENOENT, "\"t\"", "not subscribed to", slk_spot_wait_subscribed(spot, "t", 10));
    OK(slk_spot_topic_destroy(spot, "t"));
}

static void options(slk_ctx_t *ctx, slk_spot_t *spot)
{
    int value, before;
    size_t len = sizeof(before);
    OK(slk_spot_getsockopt(spot, SLK_BACKLOG, &before, &len));
    value = 70000;
    TELLS(SLK_EINVAL, "option 19 is 70000", "1 to 65535",
          slk_spot_setsockopt(spot, SLK_BACKLOG, &value, sizeof(value)));
    TELLS(SLK_EINVAL, "option 19", "3 bytes", slk_spot_setsockopt(spot, SLK_BACKLOG, &value, 3));
    len = sizeof(value);
    OK(slk_spot_getsockopt(spot, SLK_BACKLOG, &value, &len));
    CHECK(value == before);
    len = 2;
    TELLS(SLK_EINVAL, "option 19", "4 bytes", slk_spot_getsockopt(spot, SLK_BACKLOG, &value, &len));
    value = 2;
    TELLS(SLK_EINVAL, "option 201 is 2", "0 to 1",
          slk_spot_setsockopt(spot, SLK_SPOT_RELAY, &value, sizeof(value)));
    TELLS(SLK_EINVAL, "32", "read only", slk_spot_setsockopt(spot, SLK_LAST_ENDPOINT, &value, sizeof(value)));
    TELLS(SLK_EINVAL, "4711", "an instance", slk_spot_setsockopt(spot, 4711, &value, sizeof(value)));
    TELLS(SLK_EINVAL, "rcvhwm of slk_spot_set_hwm is -5", "0 or more", slk_spot_set_hwm(spot, 1, -5));
    TELLS(SLK_EINVAL, "4711", "a context", slk_ctx_set(ctx, 4711, &value, sizeof(value)));
    TELLS(SLK_EINVAL, "option 1 ", "right after slk_ctx_new",
          slk_ctx_set(ctx, SLK_IO_THREADS, &value, sizeof(value)));
}

static void pointers_and_handles(slk_ctx_t *ctx, slk_spot_t *spot)
{
    slk_spot_t *stale = slk_spot_new(ctx), *alias = stale;
    char shown[32];
    snprintf(shown, sizeof(shown), "%#llx", (unsigned long long)(uintptr_t)alias);
    slk_spot_destroy(&stale);
    TELLS(SLK_EINVAL, shown, "not a live slk_spot_t", slk_spot_bind(alias, "tcp://*:0"));
    TELLS(SLK_EINVAL, "slk_spot_t", "NULL", slk_spot_bind(NULL, "tcp://*:0"));
    TELLS(SLK_EINVAL, "slk_spot_publisher_t", "NULL", slk_spot_publisher_publish(NULL, "x", 1));
    FAILS_NULL(SLK_EINVAL, slk_spot_new((slk_ctx_t *)spot));
    told(__LINE__, "not a live slk_ctx_t", "0x");
    TELLS(SLK_EINVAL, "endpoint of slk_spot_bind", "NULL", slk_spot_bind(spot, NULL));
    TELLS(SLK_EINVAL, "endpoint of slk_spot_topic_route", "NULL", slk_spot_topic_route(spot, "t", NULL));
    TELLS(SLK_EINVAL, "data of slk_spot_publish", "length of 5", slk_spot_publish(spot, "t", NULL, 5));
    nothing_is_known(spot);
}

static void *other_thread(void *spot)
{
    CHECK(strcmp(slk_errmsg(), "No error") == 0);
    TELLS(SLK_EINVAL, "x://", "tcp://", slk_spot_bind(spot, "x://"));
    return NULL;
}

static void each_thread_has_its_own_text(slk_spot_t *spot)
{
    pthread_t thread;
    char before[256];
    TELLS(SLK_ENOENT, "\"mine\"", "topic", slk_spot_topic_destroy(spot, "mine"));
    const char *text = slk_errmsg();
    CHECK(strlen(text) < sizeof(before));
    strcpy(before, text);
    CHECK(pthread_create(&thread, NULL, other_thread, spot) == 0);
    CHECK(pthread_join(thread, NULL) == 0);
    OK(slk_spot_topic_create(spot, "something"));
    OK(slk_spot_topic_destroy(spot, "something"));
    CHECK(slk_errmsg() == text && strcmp(text, before) == 0);
}

int main(void)
{
    CHECK(strcmp(slk_errmsg(), "No error") == 0);
    slk_ctx_t *ctx = slk_ctx_new();
    slk_spot_t *spot = slk_spot_new(ctx);
    topic_names(spot);
    endpoints(ctx, spot);
    names_that_do_not_resolve(ctx);
    flags_and_numbers(spot);
    options(ctx, spot);
    pointers_and_handles(ctx, spot);
    each_thread_has_its_own_text(spot);
    slk_ctx_destroy(ctx);
    return 0;
}
