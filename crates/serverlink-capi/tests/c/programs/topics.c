/* Topics and subscriptions on one node. */
#include "check.h"

static void names_are_1_to_255_bytes_of_utf8(slk_spot_t *spot)
{
    char name[257];
    memset(name, 'n', 256);
    name[256] = '\0';
    FAILS(SLK_EINVAL, slk_spot_topic_create(spot, name));
    FAILS(SLK_EINVAL, slk_spot_topic_exists(spot, name));
    FAILS(SLK_EINVAL, slk_spot_subscribe(spot, name));
    FAILS(SLK_EINVAL, slk_spot_publish(spot, name, "x", 1));
    name[255] = '\0';
    OK(slk_spot_topic_create(spot, name));
    OK(slk_spot_topic_destroy(spot, name));
    FAILS(SLK_EINVAL, slk_spot_topic_create(spot, ""));
    FAILS(SLK_EINVAL, slk_spot_topic_create(spot, "\xff\xfe"));
    FAILS(SLK_EINVAL, slk_spot_topic_exists(spot, "\xff\xfe"));
    FAILS(SLK_EINVAL, slk_spot_topic_is_local(spot, ""));
    FAILS(SLK_EINVAL, slk_spot_topic_destroy(spot, ""));
    FAILS(SLK_EINVAL, slk_spot_subscribe_pattern(spot, "[a"));
    OK(slk_spot_topic_create(spot, "k\xc3\xb6nig"));
    OK(slk_spot_topic_destroy(spot, "k\xc3\xb6nig"));
}

static void a_topic_is_created_once(slk_spot_t *spot)
{
    CHECK(slk_spot_topic_exists(spot, "a") == 0 && slk_spot_topic_is_local(spot, "a") == 0);
    OK(slk_spot_topic_create(spot, "a"));
    CHECK(slk_spot_topic_exists(spot, "a") == 1 && slk_spot_topic_is_local(spot, "a") == 1);
    FAILS(SLK_EEXIST, slk_spot_topic_create(spot, "a"));
    OK(slk_spot_topic_destroy(spot, "a"));
    FAILS(SLK_ENOENT, slk_spot_topic_destroy(spot, "a"));
    CHECK(slk_spot_topic_exists(spot, "a") == 0);
}

static void topics_are_listed_by_name(slk_spot_t *spot)
{
    char **topics = NULL;
    size_t count = 77;
    OK(slk_spot_list_topics(spot, &topics, &count));
    CHECK(count == 0 && topics != NULL && topics[0] == NULL);
    slk_spot_list_topics_free(topics, count);

    OK(slk_spot_topic_create(spot, "b:long"));
    OK(slk_spot_topic_create(spot, "c"));
    OK(slk_spot_topic_create(spot, "a"));
    OK(slk_spot_list_topics(spot, &topics, &count));
    CHECK(count == 3 && topics[3] == NULL);
    CHECK(strcmp(topics[0], "a") == 0 && strcmp(topics[1], "b:long") == 0 && strcmp(topics[2], "c") == 0);
    slk_spot_list_topics_free(topics, count);
}

static void unknown_topics_are_not_found(slk_spot_t *spot)
{
    FAILS(SLK_ENOENT, slk_spot_subscribe(spot, "nowhere"));
    FAILS(SLK_ENOENT, slk_spot_publish(spot, "nowhere", "x", 1));
    FAILS(SLK_ENOENT, slk_spot_unsubscribe(spot, "nowhere"));
    FAILS_NULL(SLK_ENOENT, slk_spot_publisher_new(spot, "nowhere"));
    FAILS(SLK_ENOENT, slk_spot_wait_subscribers(spot, "nowhere", 1, 0));
}

static void subscriptions_are_exact_and_patterns_are_not(slk_spot_t *spot)
{
    OK(slk_spot_topic_create(spot, "s:b"));
    OK(slk_spot_topic_create(spot, "s:bc"));
    OK(slk_spot_subscribe(spot, "s:b"));
    OK(slk_spot_subscribe(spot, "s:b"));
    PUBLISH(spot, "s:bc", "not this");
    PUBLISH(spot, "s:b", "this");
    RECEIVES(spot, "s:b", "this");
    RECEIVES_NOTHING(spot);

    OK(slk_spot_subscribe_pattern(spot, "s:*"));
    PUBLISH(spot, "s:b", "once");
    PUBLISH(spot, "s:bc", "too");
    RECEIVES(spot, "s:b", "once");
    RECEIVES(spot, "s:bc", "too");
    RECEIVES_NOTHING(spot);

    OK(slk_spot_unsubscribe(spot, "s:*"));
    PUBLISH(spot, "s:bc", "no more");
    RECEIVES_NOTHING(spot);
    OK(slk_spot_unsubscribe(spot, "s:b"));
    FAILS(SLK_ENOENT, slk_spot_unsubscribe(spot, "s:b"));
}

int main(void)
{
    slk_ctx_t *ctx = slk_ctx_new();
    slk_spot_t *spot = slk_spot_new(ctx);
    names_are_1_to_255_bytes_of_utf8(spot);
    a_topic_is_created_once(spot);
    topics_are_listed_by_name(spot);
    unknown_topics_are_not_found(spot);
    subscriptions_are_exact_and_patterns_are_not(spot);
    slk_ctx_destroy(ctx);
    return 0;
}
