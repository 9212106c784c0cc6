/* Publishing and receiving on one node: buffers, lengths, waiting, the descriptor. */
#define _POSIX_C_SOURCE 200809L
#include "check.h"

#include <poll.h>

static void buffers_of_every_size(slk_spot_t *spot)
{
    char topic[16], data[16];
    size_t topic_len, data_len;

    PUBLISH(spot, "topic", "12345678");
    memset(topic, '#', sizeof(topic));
    memset(data, '#', sizeof(data));
    FAILS(SLK_EMSGSIZE, slk_spot_recv(spot, topic, 4, &topic_len, data, 16, &data_len, 1));
    CHECK(topic_len == 5 && data_len == 8);
    topic_len = data_len = 0;
    FAILS(SLK_EMSGSIZE, slk_spot_recv(spot, topic, 16, &topic_len, data, 7, &data_len, 1));
    CHECK(topic_len == 5 && data_len == 8);
    FAILS(SLK_EMSGSIZE, slk_spot_recv(spot, NULL, 0, &topic_len, NULL, 0, &data_len, 1));
    CHECK(topic_len == 5 && data_len == 8);
    FAILS(SLK_EMSGSIZE, slk_spot_recv(spot, NULL, 0, NULL, NULL, 0, NULL, 1));

    /* Exactly enough: no room for a NUL, and none is written. */
    memset(topic, '#', sizeof(topic));
    memset(data, '#', sizeof(data));
    OK(slk_spot_recv(spot, topic, 5, &topic_len, data, 8, &data_len, 1));
    CHECK(topic_len == 5 && memcmp(topic, "topic##", 7) == 0);
    CHECK(data_len == 8 && memcmp(data, "12345678##", 10) == 0);

    /* One more: the NUL. */
    PUBLISH(spot, "topic", "12345678");
    OK(slk_spot_recv(spot, topic, 6, NULL, data, 9, NULL, 1));
    CHECK(memcmp(topic, "topic\0#", 7) == 0 && memcmp(data, "12345678\0#", 10) == 0);
}

static void the_message_stays_first_in_line(slk_spot_t *spot)
{
    char topic[16], data[4];
    size_t data_len;
    PUBLISH(spot, "topic", "too long");
    PUBLISH(spot, "topic", "ok");
    FAILS(SLK_EMSGSIZE, slk_spot_recv(spot, topic, 16, NULL, data, 4, &data_len, 0));
    FAILS(SLK_EMSGSIZE, slk_spot_recv(spot, topic, 16, NULL, data, 4, &data_len, -1));
    RECEIVES(spot, "topic", "too long");
    RECEIVES(spot, "topic", "ok");
}

static void empty_messages_are_messages(slk_spot_t *spot)
{
    OK(slk_spot_publish(spot, "topic", NULL, 0));
    OK(slk_spot_publish(spot, "topic", "ignored", 0));
    RECEIVES(spot, "topic", "");
    RECEIVES(spot, "topic", "");
}

static void waiting_as_told(slk_spot_t *spot)
{
    char topic[16], data[16];
    int none = 0;
    uint64_t before = slk_clock();
    FAILS(SLK_EAGAIN, slk_spot_recv(spot, topic, 16, NULL, data, 16, NULL, 30));
    CHECK(slk_clock() - before >= 30000);

    OK(slk_spot_setsockopt(spot, SLK_RCVTIMEO, &none, sizeof(none)));
    FAILS(SLK_EAGAIN, slk_spot_recv(spot, topic, 16, NULL, data, 16, NULL, 0));
    none = -1;
    OK(slk_spot_setsockopt(spot, SLK_RCVTIMEO, &none, sizeof(none)));
}

static void too_large_is_refused(slk_spot_t *spot)
{
    int most = 100;
    char data[101] = {0};
    OK(slk_spot_setsockopt(spot, SLK_MAXMSGSIZE, &most, sizeof(most)));
    FAILS(SLK_EMSGSIZE, slk_spot_publish(spot, "topic", data, 101));
    FAILS(SLK_EMSGSIZE, slk_spot_publish(spot, "topic", data, (size_t)-1));
    OK(slk_spot_publish(spot, "topic", data, 100));
    char topic[8];
    OK(slk_spot_recv(spot, topic, 8, NULL, data, 100, NULL, 1));
    RECEIVES_NOTHING(spot);
}

static void many_at_once(slk_spot_t *spot)
{
    slk_buf_t messages[] = {{"one", 3}, {NULL, 0}, {"three", 5}};
    size_t published = 77;
    OK(slk_spot_publish_many(spot, "topic", messages, 3, &published));
    CHECK(published == 3);
    RECEIVES(spot, "topic", "one");
    RECEIVES(spot, "topic", "");
    RECEIVES(spot, "topic", "three");

    char large[101] = {0};
    slk_buf_t partly[] = {{"fits", 4}, {large, sizeof(large)}, {"never", 5}};
    FAILS(SLK_EMSGSIZE, slk_spot_publish_many(spot, "topic", partly, 3, &published));
    CHECK(published == 1);
    RECEIVES(spot, "topic", "fits");
    RECEIVES_NOTHING(spot);
    FAILS(SLK_ENOENT, slk_spot_publish_many(spot, "nowhere", messages, 3, &published));
    CHECK(published == 0);
    slk_buf_t broken[] = {{"one", 3}, {NULL, 1}};
    FAILS(SLK_EINVAL, slk_spot_publish_many(spot, "topic", broken, 2, NULL));
    RECEIVES_NOTHING(spot);
}

static void publishers_resolve_once(slk_spot_t *spot)
{
    slk_buf_t messages[] = {{"b", 1}, {"c", 1}};
    slk_spot_publisher_t *publisher = slk_spot_publisher_new(spot, "topic");
    CHECK(publisher != NULL);
    OK(slk_spot_publisher_publish(publisher, "a", 1));
    OK(slk_spot_publisher_publish_many(publisher, messages, 2, NULL));
    RECEIVES(spot, "topic", "a");
    RECEIVES(spot, "topic", "b");
    RECEIVES(spot, "topic", "c");
    slk_spot_publisher_destroy(&publisher);
    CHECK(publisher == NULL);
}

static void the_descriptor_is_readable_while_there_is_something(slk_spot_t *spot)
{
    slk_fd_t fd = -1;
    OK(slk_spot_fd(spot, &fd));
    struct pollfd watch = {fd, POLLIN, 0};
    CHECK(poll(&watch, 1, 0) == 0);
    PUBLISH(spot, "topic", "1");
    PUBLISH(spot, "topic", "2");
    CHECK(poll(&watch, 1, LONG_MS) == 1);
    CHECK(poll(&watch, 1, 0) == 1);
    RECEIVES(spot, "topic", "1");
    CHECK(poll(&watch, 1, 0) == 1);
    RECEIVES(spot, "topic", "2");
    CHECK(poll(&watch, 1, 0) == 0);
}

static slk_spot_t *with_room_for_one(slk_ctx_t *ctx, int overflow)
{
    slk_spot_t *spot = slk_spot_new(ctx);
    OK(slk_spot_setsockopt(spot, SLK_SPOT_OVERFLOW, &overflow, sizeof(overflow)));
    OK(slk_spot_set_hwm(spot, 1, 1));
    OK(slk_spot_topic_create(spot, "topic"));
    OK(slk_spot_subscribe(spot, "topic"));
    PUBLISH(spot, "topic", "first");
    return spot;
}

static void overflow_is_as_chosen(slk_ctx_t *ctx)
{
    char topic[16], data[16];
    int soon = 20;

    slk_spot_t *spot = with_room_for_one(ctx, SLK_SPOT_DROP_OLDEST);
    PUBLISH(spot, "topic", "second");
    RECEIVES(spot, "topic", "second");
    RECEIVES_NOTHING(spot);
    slk_spot_destroy(&spot);

    spot = with_room_for_one(ctx, SLK_SPOT_BLOCK);
    OK(slk_spot_setsockopt(spot, SLK_SNDTIMEO, &soon, sizeof(soon)));
    FAILS(SLK_EAGAIN, slk_spot_publish(spot, "topic", "second", 6));
    RECEIVES(spot, "topic", "first");
    PUBLISH(spot, "topic", "second");
    RECEIVES(spot, "topic", "second");
    slk_spot_destroy(&spot);

    spot = with_room_for_one(ctx, SLK_SPOT_DISCONNECT);
    slk_spot_publish(spot, "topic", "second", 6);
    RECEIVES(spot, "topic", "first");
    FAILS(SLK_EPEERUNREACH, slk_spot_recv(spot, topic, 16, NULL, data, 16, NULL, LONG_MS));
    RECEIVES_NOTHING(spot);
    OK(slk_spot_subscribe(spot, "topic"));
    PUBLISH(spot, "topic", "again");
    RECEIVES(spot, "topic", "again");
    slk_spot_destroy(&spot);
}

static void counters_count(slk_ctx_t *ctx)
{
    slk_spot_t *spot = slk_spot_new(ctx);
    slk_stats_t stats;
    OK(slk_spot_topic_create(spot, "counted"));
    OK(slk_spot_subscribe(spot, "counted"));
    PUBLISH(spot, "counted", "12345");
    RECEIVES(spot, "counted", "12345");

    memset(&stats, 0xff, sizeof(stats));
    OK(slk_spot_stats(spot, NULL, &stats, sizeof(stats)));
    CHECK(stats.published_messages == 1 && stats.published_bytes == 5);
    CHECK(stats.received_messages == 1 && stats.received_bytes == 5);
    CHECK(stats.subscriptions == 1 && stats.topics == 1 && stats.links == 0);
    OK(slk_spot_stats(spot, "counted", &stats, sizeof(stats)));
    CHECK(stats.subscribers == 1);
    FAILS(SLK_ENOENT, slk_spot_stats(spot, "nowhere", &stats, sizeof(stats)));
    FAILS(SLK_EINVAL, slk_spot_stats(spot, "", &stats, sizeof(stats)));

    /* Programs compiled with an older header, and with a newer one. */
    struct { uint64_t known, behind; } old = {0, 77};
    struct { slk_stats_t known; uint64_t unknown; } newer;
    OK(slk_spot_stats(spot, NULL, (slk_stats_t *)&old, sizeof(old.known)));
    CHECK(old.known == 1 && old.behind == 77);
    memset(&newer, 0xff, sizeof(newer));
    OK(slk_spot_stats(spot, NULL, &newer.known, sizeof(newer)));
    CHECK(newer.known.published_messages == 1 && newer.unknown == 0);
    FAILS(SLK_EINVAL, slk_spot_stats(spot, NULL, &stats, 7));
    slk_spot_destroy(&spot);
}

int main(void)
{
    slk_ctx_t *ctx = slk_ctx_new();
    slk_spot_t *spot = slk_spot_new(ctx);
    OK(slk_spot_topic_create(spot, "topic"));
    OK(slk_spot_subscribe(spot, "topic"));
    buffers_of_every_size(spot);
    the_message_stays_first_in_line(spot);
    empty_messages_are_messages(spot);
    waiting_as_told(spot);
    too_large_is_refused(spot);
    many_at_once(spot);
    publishers_resolve_once(spot);
    the_descriptor_is_readable_while_there_is_something(spot);
    overflow_is_as_chosen(ctx);
    counters_count(ctx);
    slk_ctx_destroy(ctx);
    return 0;
}
