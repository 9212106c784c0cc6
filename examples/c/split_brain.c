/*
 * One node of a cluster that publishes only while it reaches most of the cluster.
 *
 *     split_brain SIZE NAME ENDPOINT [PEER_ENDPOINT]...
 *
 * Publishes on NAME:beat, listens to the beats of all, and tells what becomes of the cluster of SIZE
 * nodes. In a minority it is refused to publish; when the cluster is whole again, it goes on by itself.
 * To see it, stop most of the nodes for ten seconds (kill -STOP, kill -CONT), or cut the network.
 *
 * Ends with its standard input; with 1 at once if a minority could publish, a majority could not, or
 * a beat came twice.
 */
#define _POSIX_C_SOURCE 200809L
#include <serverlink/serverlink.h>

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BEAT_MS 20
#define MAX_NODES 64

/* The last beat of each node that was heard, and whether it was heard since the cluster was whole. */
struct heard {
    char topic[256];
    long last;
    int since_whole;
};

struct node {
    slk_spot_t *spot;
    char topic[256];
    long beat;
    int size, refused, told_whole, failed;
    struct heard heard[MAX_NODES];
};

static void set(slk_spot_t *spot, int option, int value)
{
    slk_spot_setsockopt(spot, option, &value, sizeof(value));
}

static void on_event(const slk_event_t *event, void *user)
{
    (void)user;
    if (event->type == SLK_EVENT_MEMBER_SUSPECT) {
        printf("suspect: %s\n", event->name);
    } else if (event->type == SLK_EVENT_MEMBER_DOWN) {
        printf("down: %s\n", event->name);
    } else if (event->type == SLK_EVENT_PARTITION) {
        printf("partition: %d of %d, %s\n", (int)event->count, (int)event->size,
               event->majority ? "majority" : "minority");
    } else if (event->type == SLK_EVENT_HEAL) {
        printf("heal: %d of %d\n", (int)event->count, (int)event->size);
    }
    fflush(stdout);
}

static slk_cluster_status_t status_of(slk_spot_t *spot)
{
    slk_cluster_status_t status;
    slk_spot_cluster_status(spot, &status, sizeof(status), NULL, NULL);
    return status;
}

/* Publishes a beat, and checks that it is refused exactly where there is no majority. */
static void beat(struct node *node)
{
    char data[32];
    int len = snprintf(data, sizeof(data), "%ld", node->beat + 1);
    int before = (int)status_of(node->spot).has_quorum;
    int published = slk_spot_publish(node->spot, node->topic, data, (size_t)len) == 0;
    if (!published && slk_errno() != SLK_ENOTREADY) {
        fprintf(stderr, "publish: %s\n", slk_errmsg());
        node->failed = 1;
    }
    // The majority may come or go in between; then neither answer is wrong.
    int after = (int)status_of(node->spot).has_quorum;
    if (before == after && before != published) {
        fprintf(stderr, "a %s was %s\n", before ? "majority" : "minority", published ? "heard" : "refused");
        node->failed = 1;
    }
    node->beat += published;
    if (node->refused == published) {
        printf(published ? "publishing\n" : "refused: %s\n", slk_errmsg());
        fflush(stdout);
    }
    node->refused = !published;
}

static struct heard *heard_of(struct node *node, const char *topic)
{
    struct heard *heard = node->heard, *last = heard + MAX_NODES - 1;
    while (heard < last && heard->topic[0] != '\0' && strcmp(heard->topic, topic) != 0) {
        heard++;
    }
    snprintf(heard->topic, sizeof(heard->topic), "%s", topic);
    return heard;
}

/* Takes what came; a number that does not grow came twice. */
static void listen_to_all(struct node *node)
{
    char topic[256], data[32];
    size_t topic_len, data_len;
    for (;;) {
        if (slk_spot_recv(node->spot, topic, sizeof(topic), &topic_len, data, sizeof(data),
                          &data_len, SLK_DONTWAIT) != 0) {
            if (slk_errno() == SLK_EAGAIN)
                return;
            continue; // a node is lost, the events tell which; it is heard again when it is back
        }
        struct heard *heard = heard_of(node, topic);
        long number = atol(data);
        if (number <= heard->last) {
            fprintf(stderr, "%s: %ld after %ld\n", topic, number, heard->last);
            node->failed = 1;
        }
        heard->last = number;
        heard->since_whole = 1;
    }
}

/* Says once, each time the cluster is whole, that the beats of all its nodes are heard. */
static void tell_whole(struct node *node)
{
    slk_cluster_status_t status = status_of(node->spot);
    int whole = !status.partitioned && (int)status.reachable == node->size, heard = 0;
    for (int i = 0; i < MAX_NODES; i++) {
        node->heard[i].since_whole &= whole;
        heard += node->heard[i].since_whole;
    }
    if (heard == node->size && !node->told_whole) {
        printf("whole: all %d are heard\n", node->size);
        fflush(stdout);
    }
    node->told_whole = heard == node->size;
}

/* Waits for the time of the next beat; 0 when the input has ended. */
static int goes_on(void)
{
    char byte;
    struct pollfd input = {STDIN_FILENO, POLLIN, 0};
    return poll(&input, 1, BEAT_MS) == 0 || read(STDIN_FILENO, &byte, 1) == 1;
}

static void tell_endpoint(slk_spot_t *spot)
{
    char bound[512];
    size_t bound_size = sizeof(bound);
    slk_spot_getsockopt(spot, SLK_LAST_ENDPOINT, bound, &bound_size);
    printf("at %s\n", bound);
    fflush(stdout);
}

int main(int argc, char **argv)
{
    if (argc < 4 || atoi(argv[1]) < 1 || atoi(argv[1]) >= MAX_NODES) {
        fprintf(stderr, "usage: split_brain SIZE NAME ENDPOINT [PEER_ENDPOINT]...\n");
        return 2;
    }
    static struct node node;
    node.size = atoi(argv[1]);
    node.refused = 1;
    snprintf(node.topic, sizeof(node.topic), "%s:beat", argv[2]);

    slk_ctx_t *ctx = slk_ctx_new();
    node.spot = slk_spot_new(ctx);
    slk_spot_setsockopt(node.spot, SLK_SPOT_NODE_NAME, argv[2], strlen(argv[2]));
    // So many nodes there are to be, and a minority is to be silent
    set(node.spot, SLK_SPOT_CLUSTER_SIZE, node.size);
    set(node.spot, SLK_SPOT_MINORITY, 1);
    slk_spot_monitor(node.spot, on_event, NULL);

    slk_spot_topic_create(node.spot, node.topic);
    slk_spot_subscribe_pattern(node.spot, "*:beat");
    if (slk_spot_bind(node.spot, argv[3]) != 0) {
        fprintf(stderr, "bind: %s\n", slk_errmsg());
        return 1;
    }
    tell_endpoint(node.spot);
    for (int i = 4; i < argc; i++) {
        slk_spot_cluster_add(node.spot, argv[i]);
    }

    while (goes_on() && !node.failed) {
        beat(&node);
        listen_to_all(&node);
        tell_whole(&node);
    }

    slk_spot_destroy(&node.spot);
    slk_ctx_destroy(ctx);
    return node.failed;
}
