/* The cluster as each node sees it: members, partitions, majorities. */
#define _POSIX_C_SOURCE 200809L
#include "check.h"

#include <pthread.h>

static const char *topic = "a:data";

struct node {
    slk_ctx_t *ctx;
    slk_spot_t *spot;
    char endpoint[256];
};

static struct node node_new(const char *name)
{
    struct node node;
    size_t len = sizeof(node.endpoint);
    node.ctx = slk_ctx_new();
    node.spot = slk_spot_new(node.ctx);
    OK(slk_spot_setsockopt(node.spot, SLK_SPOT_NODE_NAME, name, strlen(name)));
    OK(slk_spot_bind(node.spot, "tcp://127.0.0.1:0"));
    OK(slk_spot_getsockopt(node.spot, SLK_LAST_ENDPOINT, node.endpoint, &len));
    return node;
}

static void set(slk_spot_t *spot, int option, int value)
{
    OK(slk_spot_setsockopt(spot, option, &value, sizeof(value)));
}

static slk_cluster_status_t status_of(slk_spot_t *spot)
{
    slk_cluster_status_t status;
    OK(slk_spot_cluster_status(spot, &status, sizeof(status), NULL, NULL));
    return status;
}

/* Member events, and a way to wait for them. */
struct seen {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    int up, left;
    char name[256];
};

static void on_event(const slk_event_t *event, void *user)
{
    struct seen *seen = user;
    pthread_mutex_lock(&seen->lock);
    if (event->type == SLK_EVENT_MEMBER_UP) {
        seen->up++;
        snprintf(seen->name, sizeof(seen->name), "%s", event->name);
        CHECK(strlen(event->node_id) == 32);
    }
    if (event->type == SLK_EVENT_MEMBER_DOWN && event->count == 1)
        seen->left++;
    CHECK(event->type != SLK_EVENT_PARTITION);
    pthread_cond_broadcast(&seen->changed);
    pthread_mutex_unlock(&seen->lock);
}

static void wait_for(struct seen *seen, const int *count)
{
    pthread_mutex_lock(&seen->lock);
    while (*count == 0)
        pthread_cond_wait(&seen->changed, &seen->lock);
    pthread_mutex_unlock(&seen->lock);
}

static void a_node_alone_is_a_whole_cluster(struct node *a)
{
    slk_member_t *members;
    slk_cluster_status_t status;
    size_t count;
    OK(slk_spot_cluster_status(a->spot, &status, sizeof(status), &members, &count));
    CHECK(status.size == 1 && status.reachable == 1 && status.quorum == 1);
    CHECK(status.has_quorum == 1 && status.partitioned == 0);
    CHECK(count == 1 && members[0].itself == 1 && members[0].reachable == 1);
    CHECK(members[0].state == SLK_MEMBER_ALIVE && members[0].incarnation > 0);
    CHECK(strcmp(members[0].name, "a") == 0 && strlen(members[0].node_id) == 32);
    CHECK(strcmp(members[0].endpoints, a->endpoint) == 0);
    slk_spot_cluster_members_free(members, count);
}

static void arguments_are_checked(struct node *a)
{
    slk_cluster_status_t status;
    slk_member_t *members;
    size_t count;
    memset(&status, 7, sizeof(status));
    OK(slk_spot_cluster_status(a->spot, &status, 8, NULL, NULL));
    CHECK(status.size == 1 && status.reachable != 1);
    FAILS(SLK_EINVAL, slk_spot_cluster_status(a->spot, &status, 7, NULL, NULL));
    FAILS(SLK_EINVAL, slk_spot_cluster_status(a->spot, NULL, sizeof(status), NULL, NULL));
    FAILS(SLK_EINVAL, slk_spot_cluster_status(a->spot, &status, 8, &members, NULL));
    FAILS(SLK_EINVAL, slk_spot_cluster_status(a->spot, &status, 8, NULL, &count));
    FAILS(SLK_EINVAL, slk_spot_cluster_status(NULL, &status, 8, NULL, NULL));
    slk_spot_cluster_members_free(NULL, 5);
}

static void a_minority_refuses_to_publish(struct node *a)
{
    slk_buf_t messages[] = {{"x", 1}, {"y", 1}};
    size_t published = 5;
    slk_spot_publisher_t *publisher;
    OK(slk_spot_topic_create(a->spot, topic));
    OK(slk_spot_subscribe(a->spot, topic));
    publisher = slk_spot_publisher_new(a->spot, topic);
    CHECK(publisher != NULL);
    set(a->spot, SLK_SPOT_CLUSTER_SIZE, 3);
    CHECK(status_of(a->spot).size == 3 && status_of(a->spot).quorum == 2);
    CHECK(status_of(a->spot).has_quorum == 0 && status_of(a->spot).partitioned == 0);
    PUBLISH(a->spot, topic, "the default goes on");
    RECEIVES(a->spot, topic, "the default goes on");
    set(a->spot, SLK_SPOT_MINORITY, 1);
    FAILS(SLK_ENOTREADY, slk_spot_publish(a->spot, topic, "x", 1));
    FAILS(SLK_ENOTREADY, slk_spot_publish_many(a->spot, topic, messages, 2, &published));
    CHECK(published == 0);
    FAILS(SLK_ENOTREADY, slk_spot_publisher_publish(publisher, "x", 1));
    FAILS(SLK_ENOTREADY, slk_spot_publisher_publish_many(publisher, messages, 2, &published));
    RECEIVES_NOTHING(a->spot);
    slk_spot_publisher_destroy(&publisher);
}

static void a_majority_publishes(struct node *a, struct node *b)
{
    struct seen seen;
    memset(&seen, 0, sizeof(seen));
    CHECK(pthread_mutex_init(&seen.lock, NULL) == 0);
    CHECK(pthread_cond_init(&seen.changed, NULL) == 0);
    OK(slk_spot_monitor(a->spot, on_event, &seen));
    OK(slk_spot_cluster_add(b->spot, a->endpoint));
    wait_for(&seen, &seen.up);
    CHECK(strcmp(seen.name, "b") == 0);
    CHECK(status_of(a->spot).reachable == 2 && status_of(a->spot).has_quorum == 1);
    PUBLISH(a->spot, topic, "two of three");
    RECEIVES(a->spot, topic, "two of three");
    slk_ctx_destroy(b->ctx);
    wait_for(&seen, &seen.left);
    FAILS(SLK_ENOTREADY, slk_spot_publish(a->spot, topic, "x", 1));
    set(a->spot, SLK_SPOT_CLUSTER_SIZE, 0);
    CHECK(status_of(a->spot).size == 1);
    PUBLISH(a->spot, topic, "one of one");
    RECEIVES(a->spot, topic, "one of one");
    OK(slk_spot_monitor(a->spot, NULL, NULL));
}

int main(void)
{
    struct node a = node_new("a"), b = node_new("b");
    CHECK(slk_has("gossip") == 1 && slk_has("quorum") == 1);
    a_node_alone_is_a_whole_cluster(&a);
    arguments_are_checked(&a);
    a_minority_refuses_to_publish(&a);
    a_majority_publishes(&a, &b);
    slk_ctx_destroy(a.ctx);
    return 0;
}
