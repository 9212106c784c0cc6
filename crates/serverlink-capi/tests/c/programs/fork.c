/* fork: the child gets along with a context of its own, the parent is not disturbed. */
#define _POSIX_C_SOURCE 200809L
#include "check.h"

#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

static volatile sig_atomic_t stop;

static void a_context_works(void)
{
    slk_ctx_t *ctx = slk_ctx_new();
    slk_spot_t *spot = slk_spot_new(ctx);
    OK(slk_spot_topic_create(spot, "t"));
    OK(slk_spot_subscribe(spot, "t"));
    PUBLISH(spot, "t", "here");
    RECEIVES(spot, "t", "here");

    slk_spot_t *listener = slk_spot_new(ctx);
    char endpoint[256];
    size_t len = sizeof(endpoint);
    OK(slk_spot_bind(spot, "tcp://127.0.0.1:0"));
    OK(slk_spot_getsockopt(spot, SLK_LAST_ENDPOINT, endpoint, &len));
    OK(slk_spot_cluster_add(listener, endpoint));
    OK(slk_spot_cluster_sync(listener, LONG_MS));
    slk_ctx_destroy(ctx);
}

/* Keeps every lock of the library busy while the main thread forks. */
static void *keep_busy(void *argument)
{
    slk_ctx_t *ctx = argument;
    slk_spot_t *spot = slk_spot_new(ctx);
    char topic[64], data[64];
    OK(slk_spot_topic_create(spot, "busy"));
    OK(slk_spot_subscribe(spot, "busy"));
    while (!stop) {
        slk_spot_t *brief = slk_spot_new(ctx);
        PUBLISH(spot, "busy", "x");
        slk_spot_recv(spot, topic, 64, NULL, data, 64, NULL, SLK_DONTWAIT);
        slk_spot_destroy(&brief);
    }
    slk_spot_destroy(&spot);
    return NULL;
}

static void child(slk_ctx_t *parents_ctx, slk_spot_t *parents_spot)
{
    /* A deadlock would otherwise last for ever. */
    alarm(LONG_MS / 1000);
    char topic[64], data[64];
    FAILS(SLK_EINVAL, slk_spot_publish(parents_spot, "t", "x", 1));
    FAILS(SLK_EINVAL, slk_spot_recv(parents_spot, topic, 64, NULL, data, 64, NULL, -1));
    FAILS_NULL(SLK_EINVAL, slk_spot_new(parents_ctx));

    a_context_works();

    /* Also now that this process has handles of its own. */
    FAILS(SLK_EINVAL, slk_spot_publish(parents_spot, "t", "x", 1));
    slk_spot_destroy(&parents_spot);
    slk_ctx_destroy(parents_ctx);
    exit(0);
}

static void child_succeeds(pid_t pid)
{
    int status;
    CHECK(pid > 0);
    CHECK(waitpid(pid, &status, 0) == pid);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

int main(void)
{
    slk_ctx_t *ctx = slk_ctx_new();
    slk_spot_t *spot = slk_spot_new(ctx);
    OK(slk_spot_topic_create(spot, "t"));
    OK(slk_spot_subscribe(spot, "t"));
    /* So that this thread remembers the instance. */
    PUBLISH(spot, "t", "before");
    RECEIVES(spot, "t", "before");

    pthread_t busy[2];
    for (int i = 0; i < 2; i++)
        CHECK(pthread_create(&busy[i], NULL, keep_busy, ctx) == 0);
    for (int i = 0; i < 10; i++) {
        pid_t pid = fork();
        if (pid == 0)
            child(ctx, spot);
        child_succeeds(pid);
    }
    stop = 1;
    for (int i = 0; i < 2; i++)
        CHECK(pthread_join(busy[i], NULL) == 0);

    /* A child of a child, which has handles of its own to inherit. */
    pid_t pid = fork();
    if (pid == 0) {
        slk_ctx_t *own = slk_ctx_new();
        slk_spot_t *own_spot = slk_spot_new(own);
        OK(slk_spot_topic_create(own_spot, "t"));
        pid_t grandchild = fork();
        if (grandchild == 0)
            child(own, own_spot);
        child_succeeds(grandchild);
        PUBLISH(own_spot, "t", "still there");
        exit(0);
    }
    child_succeeds(pid);

    PUBLISH(spot, "t", "after");
    RECEIVES(spot, "t", "after");
    slk_ctx_destroy(ctx);
    return 0;
}
