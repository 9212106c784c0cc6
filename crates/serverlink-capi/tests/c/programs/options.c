/* Every option of an instance: its default, its range, before and after the node starts. */
#include "check.h"

#include <limits.h>

struct option {
    int number;
    int value;  /* the default */
    int other;  /* another one that is allowed */
    int wrong[2];
};

static const struct option ints[] = {
    {SLK_SNDBUF, -1, 65536, {-2, -3}},
    {SLK_RCVBUF, -1, 65536, {-2, -3}},
    {SLK_LINGER, 1000, -1, {-2, INT_MIN}},
    {SLK_RECONNECT_IVL, 100, 5000, {0, 5001}},
    {SLK_BACKLOG, 1024, 10, {0, 65536}},
    {SLK_RECONNECT_IVL_MAX, 5000, 100, {99, 86400001}},
    {SLK_MAXMSGSIZE, 64 * 1024 * 1024, 1024, {0, (1 << 30) + 1}},
    {SLK_SNDHWM, 1000, 0, {-1, INT_MIN}},
    {SLK_RCVHWM, 1000, 0, {-1, INT_MIN}},
    {SLK_TCP_NODELAY, 1, 0, {-1, 2}},
    {SLK_RCVTIMEO, -1, 0, {-2, INT_MIN}},
    {SLK_SNDTIMEO, -1, 100, {-2, INT_MIN}},
    {SLK_TCP_KEEPALIVE, 1, 0, {-1, 2}},
    {SLK_TCP_KEEPALIVE_CNT, 3, 5, {0, 128}},
    {SLK_TCP_KEEPALIVE_IDLE, 15, 10, {0, 32768}},
    {SLK_TCP_KEEPALIVE_INTVL, 5, 3, {0, 32768}},
    {SLK_HEARTBEAT_IVL, 2000, 0, {-1, 86400001}},
    {SLK_HEARTBEAT_TTL, 0, 6000, {-1, 6553501}},
    {SLK_HEARTBEAT_TIMEOUT, -1, 9000, {0, 86400001}},
    {SLK_SPOT_CONNECT_TIMEOUT, 1000, 200, {-1, INT_MIN}},
    {SLK_SPOT_RELAY, 0, 0, {1, -1}},
    {SLK_SPOT_HISTORY, 0, 10, {-1, 1048577}},
    {SLK_SPOT_OVERFLOW, SLK_SPOT_DROP_NEWEST, SLK_SPOT_BLOCK, {-1, 4}},
    {SLK_SPOT_CLUSTER_SIZE, 0, 3, {-1, 4097}},
    {SLK_SPOT_DISCOVERY, 0, 1, {-1, 2}},
    {SLK_SPOT_MINORITY, 0, 1, {-1, 2}},
    {SLK_SPOT_SPIN, -1, 50, {-2, INT_MIN}},
};
enum { COUNT = sizeof(ints) / sizeof(ints[0]) };

static int read_int(slk_spot_t *spot, int number)
{
    struct { int value, behind; } result = {12345, 67890};
    size_t len = sizeof(result.value);
    OK(slk_spot_getsockopt(spot, number, &result.value, &len));
    CHECK(len == sizeof(int) && result.behind == 67890);
    return result.value;
}

static int set_int(slk_spot_t *spot, int number, int value)
{
    return slk_spot_setsockopt(spot, number, &value, sizeof(value));
}

static void each_int_option_works(slk_spot_t *spot)
{
    for (int i = 0; i < COUNT; i++) {
        const struct option *option = &ints[i];
        char wide[16] = {0};
        size_t len = sizeof(int) - 1;

        if (read_int(spot, option->number) != option->value)
            fprintf(stderr, "option %d is %d\n", option->number, read_int(spot, option->number));
        CHECK(read_int(spot, option->number) == option->value);
        FAILS(SLK_EINVAL, slk_spot_getsockopt(spot, option->number, wide, &len));
        CHECK(len == sizeof(int) - 1);
        for (int j = 0; j < 2; j++)
            FAILS(SLK_EINVAL, set_int(spot, option->number, option->wrong[j]));
        FAILS(SLK_EINVAL, slk_spot_setsockopt(spot, option->number, wide, 0));
        FAILS(SLK_EINVAL, slk_spot_setsockopt(spot, option->number, wide, 3));
        FAILS(SLK_EINVAL, slk_spot_setsockopt(spot, option->number, wide, 16));
        CHECK(read_int(spot, option->number) == option->value);

        OK(set_int(spot, option->number, option->other));
        CHECK(read_int(spot, option->number) == option->other);
        OK(set_int(spot, option->number, option->value));
    }
}

static void sizes_have_their_own_types(slk_spot_t *spot)
{
    size_t bytes = 0, len = sizeof(bytes);
    OK(slk_spot_getsockopt(spot, SLK_SPOT_HWM_BYTES, &bytes, &len));
    CHECK(bytes == 64 * 1024 * 1024 && len == sizeof(size_t));
    bytes = (size_t)8 * 1024 * 1024;
    OK(slk_spot_setsockopt(spot, SLK_SPOT_HWM_BYTES, &bytes, sizeof(bytes)));
    FAILS(SLK_EINVAL, set_int(spot, SLK_SPOT_HWM_BYTES, 1));
    len = sizeof(bytes);
    OK(slk_spot_getsockopt(spot, SLK_SPOT_HWM_BYTES, &bytes, &len));
    CHECK(bytes == (size_t)8 * 1024 * 1024);

    int64_t wide = 1 << 20;
    OK(slk_spot_setsockopt(spot, SLK_MAXMSGSIZE, &wide, sizeof(wide)));
    wide = 0;
    len = sizeof(wide);
    OK(slk_spot_getsockopt(spot, SLK_MAXMSGSIZE, &wide, &len));
    CHECK(wide == 1 << 20 && len == sizeof(wide));
    CHECK(read_int(spot, SLK_MAXMSGSIZE) == 1 << 20);
}

static void unknown_and_read_only_options_are_refused(slk_spot_t *spot)
{
    int numbers[] = {-1, 0, 1, 2, 3, 31, 33, 78, 199, 210, INT_MAX, INT_MIN};
    int value = 0;
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        size_t len = sizeof(value);
        FAILS(SLK_EINVAL, set_int(spot, numbers[i], 1));
        FAILS(SLK_EINVAL, slk_spot_getsockopt(spot, numbers[i], &value, &len));
    }
    FAILS(SLK_EINVAL, slk_spot_setsockopt(spot, SLK_LAST_ENDPOINT, "tcp://*:1", 9));
    FAILS(SLK_EINVAL, slk_spot_setsockopt(spot, SLK_ROUTING_ID, "me", 2));
}

static void the_name_is_fixed_by_the_start(slk_ctx_t *ctx)
{
    slk_spot_t *spot = slk_spot_new(ctx), *again;
    char name[256], long_name[256];
    unsigned char id[16], same_id[16];
    size_t len = sizeof(name);

    OK(slk_spot_getsockopt(spot, SLK_SPOT_NODE_NAME, name, &len));
    CHECK(len == 1 && name[0] == '\0');
    memset(long_name, 'n', sizeof(long_name));
    FAILS(SLK_EINVAL, slk_spot_setsockopt(spot, SLK_SPOT_NODE_NAME, long_name, 256));
    FAILS(SLK_EINVAL, slk_spot_setsockopt(spot, SLK_SPOT_NODE_NAME, "", 0));
    OK(slk_spot_setsockopt(spot, SLK_SPOT_NODE_NAME, long_name, 255));
    OK(slk_spot_setsockopt(spot, SLK_SPOT_NODE_NAME, "alpha", 6));
    len = sizeof(name);
    OK(slk_spot_getsockopt(spot, SLK_SPOT_NODE_NAME, name, &len));
    CHECK(strcmp(name, "alpha") == 0 && len == 6);

    len = sizeof(id);
    OK(slk_spot_getsockopt(spot, SLK_ROUTING_ID, id, &len));
    CHECK(len == 16);
    FAILS(SLK_EINVAL, slk_spot_setsockopt(spot, SLK_SPOT_NODE_NAME, "beta", 4));
    slk_spot_destroy(&spot);

    again = slk_spot_new(ctx);
    OK(slk_spot_setsockopt(again, SLK_SPOT_NODE_NAME, "alpha", 5));
    len = sizeof(same_id);
    OK(slk_spot_getsockopt(again, SLK_ROUTING_ID, same_id, &len));
    CHECK(memcmp(id, same_id, sizeof(id)) == 0);
    slk_spot_destroy(&again);
}

static void the_last_endpoint_has_its_port(slk_ctx_t *ctx)
{
    slk_spot_t *spot = slk_spot_new(ctx);
    char endpoint[512];
    size_t len = sizeof(endpoint);
    OK(slk_spot_getsockopt(spot, SLK_LAST_ENDPOINT, endpoint, &len));
    CHECK(strcmp(endpoint, "") == 0);
    OK(slk_spot_bind(spot, "tcp://127.0.0.1:0"));
    len = sizeof(endpoint);
    OK(slk_spot_getsockopt(spot, SLK_LAST_ENDPOINT, endpoint, &len));
    CHECK(strncmp(endpoint, "tcp://127.0.0.1:", 16) == 0 && atoi(endpoint + 16) > 0);
    CHECK(len == strlen(endpoint) + 1);
    len = strlen(endpoint);
    FAILS(SLK_EINVAL, slk_spot_getsockopt(spot, SLK_LAST_ENDPOINT, endpoint, &len));
    slk_spot_destroy(&spot);
}

static void set_hwm_sets_both(slk_spot_t *spot)
{
    OK(slk_spot_set_hwm(spot, 7, 9));
    CHECK(read_int(spot, SLK_SNDHWM) == 7 && read_int(spot, SLK_RCVHWM) == 9);
    OK(slk_spot_set_hwm(spot, 0, 0));
    CHECK(read_int(spot, SLK_SNDHWM) == 0 && read_int(spot, SLK_RCVHWM) == 0);
}

static void the_receive_hwm_holds_at_once(slk_ctx_t *ctx)
{
    slk_spot_t *spot = slk_spot_new(ctx);
    OK(slk_spot_topic_create(spot, "t"));
    OK(slk_spot_subscribe(spot, "t"));
    OK(slk_spot_set_hwm(spot, 2, 2));
    PUBLISH(spot, "t", "1");
    PUBLISH(spot, "t", "2");
    PUBLISH(spot, "t", "dropped");
    RECEIVES(spot, "t", "1");
    RECEIVES(spot, "t", "2");
    RECEIVES_NOTHING(spot);
    slk_spot_destroy(&spot);
}

int main(void)
{
    slk_ctx_t *ctx = slk_ctx_new();
    slk_spot_t *waiting = slk_spot_new(ctx), *running = slk_spot_new(ctx);
    OK(slk_spot_topic_create(running, "t"));

    each_int_option_works(waiting);
    each_int_option_works(running);
    sizes_have_their_own_types(waiting);
    sizes_have_their_own_types(running);
    unknown_and_read_only_options_are_refused(waiting);
    unknown_and_read_only_options_are_refused(running);
    set_hwm_sets_both(waiting);
    set_hwm_sets_both(running);
    OK(slk_spot_topic_create(waiting, "u"));
    the_name_is_fixed_by_the_start(ctx);
    the_last_endpoint_has_its_port(ctx);
    the_receive_hwm_holds_at_once(ctx);
    slk_ctx_destroy(ctx);
    return 0;
}
