/* Two nodes over TCP, each with a context of its own as if they were two processes. */
#include "check.h"

struct node {
    slk_ctx_t *ctx;
    slk_spot_t *spot;
    char endpoint[256];
};

static struct node node_new(const char *name, const char *bind)
{
    struct node node;
    size_t len = sizeof(node.endpoint);
    node.ctx = slk_ctx_new();
    node.spot = slk_spot_new(node.ctx);
    OK(slk_spot_setsockopt(node.spot, SLK_SPOT_NODE_NAME, name, strlen(name)));
    OK(slk_spot_bind(node.spot, bind));
    OK(slk_spot_getsockopt(node.spot, SLK_LAST_ENDPOINT, node.endpoint, &len));
    return node;
}

static void binds_are_checked(struct node *a)
{
    slk_spot_t *other = slk_spot_new(a->ctx);
    FAILS(SLK_EEXIST, slk_spot_bind(a->spot, a->endpoint));
    FAILS(SLK_EADDRINUSE, slk_spot_bind(other, a->endpoint));
    FAILS(SLK_EADDRNOTAVAIL, slk_spot_bind(other, "tcp://192.0.2.1:5555"));
    FAILS(SLK_EINVAL, slk_spot_bind(other, "tcp://127.0.0.1:70000"));
    FAILS(SLK_EINVAL, slk_spot_bind(other, "127.0.0.1:5555"));
    FAILS(SLK_EINVAL, slk_spot_bind(other, ""));
    slk_spot_destroy(&other);
}

static void peers_are_checked(struct node *a)
{
    FAILS(SLK_EINVAL, slk_spot_cluster_add(a->spot, "nonsense"));
    FAILS(SLK_EINVAL, slk_spot_cluster_add(a->spot, "tcp://*:5555"));
    FAILS(SLK_ENOENT, slk_spot_cluster_remove(a->spot, "tcp://127.0.0.1:1"));
    FAILS(SLK_EINVAL, slk_spot_cluster_remove(a->spot, "nonsense"));
    OK(slk_spot_cluster_sync(a->spot, 0));
    OK(slk_spot_cluster_add(a->spot, "tcp://127.0.0.1:1"));
    FAILS(SLK_EEXIST, slk_spot_cluster_add(a->spot, "tcp://127.0.0.1:1"));
    FAILS(SLK_EHOSTUNREACH, slk_spot_cluster_sync(a->spot, 50));
    OK(slk_spot_cluster_remove(a->spot, "tcp://127.0.0.1:1"));
    OK(slk_spot_cluster_sync(a->spot, LONG_MS));
}

static void routes_need_a_server(struct node *b)
{
    int soon = 100;
    OK(slk_spot_setsockopt(b->spot, SLK_SPOT_CONNECT_TIMEOUT, &soon, sizeof(soon)));
    FAILS(SLK_EHOSTUNREACH, slk_spot_topic_route(b->spot, "routed", "tcp://127.0.0.1:1"));
    CHECK(slk_spot_topic_exists(b->spot, "routed") == 0);
    FAILS(SLK_EINVAL, slk_spot_topic_route(b->spot, "routed", "nonsense"));
    FAILS(SLK_EINVAL, slk_spot_topic_route(b->spot, "", "tcp://127.0.0.1:1"));
}

static void topics_cross_the_link(struct node *a, struct node *b)
{
    OK(slk_spot_topic_create(a->spot, "a:data"));
    OK(slk_spot_cluster_add(b->spot, a->endpoint));
    OK(slk_spot_cluster_sync(b->spot, LONG_MS));
    CHECK(slk_spot_topic_exists(b->spot, "a:data") == 1);
    CHECK(slk_spot_topic_is_local(b->spot, "a:data") == 0);

    OK(slk_spot_subscribe(b->spot, "a:data"));
    OK(slk_spot_wait_subscribed(b->spot, "a:data", LONG_MS));
    OK(slk_spot_wait_subscribers(a->spot, "a:data", 1, LONG_MS));
    FAILS(SLK_ETIMEDOUT, slk_spot_wait_subscribers(a->spot, "a:data", 2, 20));
    PUBLISH(a->spot, "a:data", "from a");
    RECEIVES(b->spot, "a:data", "from a");
    PUBLISH(b->spot, "a:data", "from b by way of a");
    RECEIVES(b->spot, "a:data", "from b by way of a");
}

static void routes_exclude_each_other(struct node *a, struct node *b)
{
    OK(slk_spot_topic_create(a->spot, "routed"));
    OK(slk_spot_topic_route(b->spot, "routed", a->endpoint));
    FAILS(SLK_EEXIST, slk_spot_topic_route(b->spot, "routed", a->endpoint));
    FAILS(SLK_EEXIST, slk_spot_topic_create(b->spot, "routed"));
    FAILS(SLK_EEXIST, slk_spot_topic_route(a->spot, "routed", b->endpoint));
    CHECK(slk_spot_topic_is_local(b->spot, "routed") == 0);
    OK(slk_spot_topic_destroy(b->spot, "routed"));
    FAILS(SLK_ENOENT, slk_spot_topic_destroy(b->spot, "routed"));
    OK(slk_spot_topic_destroy(a->spot, "routed"));
    OK(slk_spot_cluster_sync(b->spot, LONG_MS));
    CHECK(slk_spot_topic_exists(b->spot, "routed") == 0);
}

static void peers_are_described(struct node *a, struct node *b)
{
    slk_peer_t *peers;
    slk_stats_t stats;
    size_t count;
    OK(slk_spot_peers(b->spot, &peers, &count));
    CHECK(count == 1);
    CHECK(strcmp(peers[0].endpoint, a->endpoint) == 0);
    CHECK(strcmp(peers[0].name, "a") == 0);
    CHECK(strlen(peers[0].node_id) == 32);
    CHECK(peers[0].state == SLK_PEER_CONNECTED && peers[0].added == 1 && peers[0].topics == 1);
    slk_spot_peers_free(peers, count);

    OK(slk_spot_peers(a->spot, &peers, &count));
    CHECK(count == 1 && peers[0].added == 0 && strcmp(peers[0].name, "b") == 0);
    slk_spot_peers_free(peers, count);

    OK(slk_spot_stats(b->spot, NULL, &stats, sizeof(stats)));
    CHECK(stats.links == 1 && stats.topics == 1 && stats.subscriptions == 1);
}

static void a_lost_node_is_told_once(struct node *a, struct node *b)
{
    char topic[64], data[64];
    OK(slk_spot_topic_create(a->spot, "a:other"));
    OK(slk_spot_cluster_sync(b->spot, LONG_MS));
    PUBLISH(a->spot, "a:data", "last words");
    slk_spot_destroy(&a->spot);
    RECEIVES(b->spot, "a:data", "last words");
    FAILS(SLK_EHOSTUNREACH, slk_spot_recv(b->spot, topic, 64, NULL, data, 64, NULL, LONG_MS));
    RECEIVES_NOTHING(b->spot);
    FAILS(SLK_EHOSTUNREACH, slk_spot_publish(b->spot, "a:data", "x", 1));
    FAILS(SLK_EHOSTUNREACH, slk_spot_subscribe(b->spot, "a:other"));
    CHECK(slk_spot_topic_exists(b->spot, "a:data") == 1);
}

static void a_node_that_returns_is_found_again(struct node *a, struct node *b)
{
    struct node again = node_new("a", a->endpoint);
    OK(slk_spot_topic_create(again.spot, "a:data"));
    OK(slk_spot_wait_subscribers(again.spot, "a:data", 1, LONG_MS));
    PUBLISH(again.spot, "a:data", "back");
    RECEIVES(b->spot, "a:data", "back");
    slk_ctx_destroy(again.ctx);
}

int main(void)
{
    struct node a = node_new("a", "tcp://127.0.0.1:0"), b = node_new("b", "tcp://127.0.0.1:0");
    binds_are_checked(&a);
    peers_are_checked(&a);
    routes_need_a_server(&b);
    topics_cross_the_link(&a, &b);
    routes_exclude_each_other(&a, &b);
    peers_are_described(&a, &b);
    a_lost_node_is_told_once(&a, &b);
    a_node_that_returns_is_found_again(&a, &b);
    slk_ctx_destroy(a.ctx);
    slk_ctx_destroy(b.ctx);
    return 0;
}
