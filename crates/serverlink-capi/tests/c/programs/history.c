/* SLK_SPOT_HISTORY: what topics keep, and what late subscribers begin with. */
#include "check.h"

static void set_history(slk_spot_t *spot, int messages)
{
    OK(slk_spot_setsockopt(spot, SLK_SPOT_HISTORY, &messages, sizeof(messages)));
}

static void publish_digits(slk_spot_t *spot, const char *topic, char from, char to)
{
    for (char digit = from; digit <= to; digit++)
        OK(slk_spot_publish(spot, topic, &digit, 1));
}

/* An instance linked to the server. */
static slk_spot_t *client_of(slk_ctx_t *ctx, slk_spot_t *server)
{
    char endpoint[256];
    size_t len = sizeof(endpoint);
    OK(slk_spot_getsockopt(server, SLK_LAST_ENDPOINT, endpoint, &len));
    slk_spot_t *client = slk_spot_new(ctx);
    CHECK(client != NULL);
    OK(slk_spot_cluster_add(client, endpoint));
    OK(slk_spot_cluster_sync(client, LONG_MS));
    return client;
}

static void an_instance_keeps_what_it_hosts_for_its_own_subscriptions(slk_ctx_t *ctx)
{
    slk_spot_t *spot = slk_spot_new(ctx);
    OK(slk_spot_topic_create(spot, "t"));
    publish_digits(spot, "t", '0', '3');
    set_history(spot, 2); /* at once, for topics hosted already */
    publish_digits(spot, "t", '4', '9');
    OK(slk_spot_subscribe(spot, "t"));
    RECEIVES(spot, "t", "8");
    RECEIVES(spot, "t", "9");
    RECEIVES_NOTHING(spot);
    set_history(spot, 0); /* frees */
    set_history(spot, 5);
    OK(slk_spot_unsubscribe(spot, "t"));
    OK(slk_spot_subscribe(spot, "t"));
    RECEIVES_NOTHING(spot);
    slk_spot_destroy(&spot);
}

static void a_late_subscriber_gets_what_it_asks_for_and_the_owner_keeps(slk_ctx_t *ctx,
                                                                        const char *endpoint)
{
    slk_spot_t *server = slk_spot_new(ctx);
    set_history(server, 5);
    OK(slk_spot_bind(server, endpoint));
    OK(slk_spot_topic_create(server, "t"));
    publish_digits(server, "t", '0', '9');

    slk_spot_t *client = client_of(ctx, server);
    OK(slk_spot_subscribe(client, "t")); /* asks for nothing */
    OK(slk_spot_wait_subscribed(client, "t", LONG_MS));
    RECEIVES_NOTHING(client);
    OK(slk_spot_unsubscribe(client, "t"));

    set_history(client, 1);
    OK(slk_spot_subscribe_pattern(client, "*"));
    OK(slk_spot_wait_subscribed(client, NULL, LONG_MS));
    RECEIVES(client, "t", "9");
    RECEIVES_NOTHING(client);
    PUBLISH(server, "t", "next");
    RECEIVES(client, "t", "next");
    OK(slk_spot_unsubscribe(client, "*"));

    set_history(client, 100);
    OK(slk_spot_subscribe(client, "t"));
    RECEIVES(client, "t", "6");
    RECEIVES(client, "t", "7");
    RECEIVES(client, "t", "8");
    RECEIVES(client, "t", "9");
    RECEIVES(client, "t", "next");
    OK(slk_spot_wait_subscribed(client, "t", LONG_MS));
    RECEIVES_NOTHING(client);
    slk_spot_destroy(&client);
    slk_spot_destroy(&server);
}

int main(void)
{
    CHECK(slk_has("history") == 1);
    slk_ctx_t *ctx = slk_ctx_new();
    CHECK(ctx != NULL);
    an_instance_keeps_what_it_hosts_for_its_own_subscriptions(ctx);
    a_late_subscriber_gets_what_it_asks_for_and_the_owner_keeps(ctx, "tcp://127.0.0.1:0");
    a_late_subscriber_gets_what_it_asks_for_and_the_owner_keeps(ctx, "inproc://history");
    slk_ctx_destroy(ctx);
    return 0;
}
