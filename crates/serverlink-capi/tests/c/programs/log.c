/* The log by callback. */
#define _POSIX_C_SOURCE 200809L
#include "check.h"

#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

#define MOST 64

/* The lines so far, and a way to wait for one. */
struct log {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    char text[MOST][512];
    int level[MOST];
    int count;
    int calls;
    pthread_t thread;
};

static void log_init(struct log *log)
{
    memset(log, 0, sizeof(*log));
    CHECK(pthread_mutex_init(&log->lock, NULL) == 0);
    CHECK(pthread_cond_init(&log->changed, NULL) == 0);
}

static void on_line(int level, const char *target, const char *message, void *user)
{
    struct log *log = user;
    pthread_mutex_lock(&log->lock);
    log->calls++;
    log->thread = pthread_self();
    if (log->count < MOST) {
        log->level[log->count] = level;
        snprintf(log->text[log->count++], 512, "%s: %s", target, message);
    }
    pthread_cond_broadcast(&log->changed);
    pthread_mutex_unlock(&log->lock);
}

/* The level of the first line with both texts in it, once there is one. */
static int wait_for(struct log *log, const char *text, const char *other)
{
    pthread_mutex_lock(&log->lock);
    for (int i = 0;;) {
        for (; i < log->count; i++)
            if (strstr(log->text[i], text) && strstr(log->text[i], other)) {
                int level = log->level[i];
                CHECK(strncmp(log->text[i], "serverlink", 10) == 0);
                pthread_mutex_unlock(&log->lock);
                return level;
            }
        pthread_cond_wait(&log->changed, &log->lock);
    }
}

static int calls(struct log *log)
{
    pthread_mutex_lock(&log->lock);
    int calls = log->calls;
    pthread_mutex_unlock(&log->lock);
    return calls;
}

/* Links two nodes of contexts of their own, and takes them down again. */
static void link_two(const char *name)
{
    slk_ctx_t *ctx = slk_ctx_new(), *other = slk_ctx_new();
    slk_spot_t *a = slk_spot_new(ctx), *b = slk_spot_new(other);
    char endpoint[256];
    size_t len = sizeof(endpoint);
    OK(slk_spot_setsockopt(a, SLK_SPOT_NODE_NAME, name, strlen(name)));
    OK(slk_spot_bind(a, "tcp://127.0.0.1:0"));
    OK(slk_spot_getsockopt(a, SLK_LAST_ENDPOINT, endpoint, &len));
    OK(slk_spot_cluster_add(b, endpoint));
    OK(slk_spot_cluster_sync(b, LONG_MS));
    slk_ctx_destroy(ctx);
    slk_ctx_destroy(other);
}

/* Uses the library, and ends the log, from within. */
static void on_first_line(int level, const char *target, const char *message, void *user)
{
    slk_ctx_t *ctx = slk_ctx_new();
    slk_spot_t *spot = slk_spot_new(ctx);
    OK(slk_spot_topic_create(spot, "t"));
    slk_ctx_destroy(ctx);
    OK(slk_set_log(0, NULL, NULL));
    on_line(level, target, message, user);
}

static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;

static void on_slow_line(int level, const char *target, const char *message, void *user)
{
    pthread_mutex_lock(&gate);
    pthread_mutex_unlock(&gate);
    on_line(level, target, message, user);
}

static void *link_again_and_again(void *stop)
{
    while (!*(volatile int *)stop)
        link_two("again");
    return NULL;
}

int main(void)
{
    struct log log, later, within, slow;
    log_init(&log);
    log_init(&later);
    log_init(&within);
    log_init(&slow);

    FAILS(SLK_EINVAL, slk_set_log(0, on_line, &log));
    FAILS(SLK_EINVAL, slk_set_log(6, on_line, &log));
    CHECK(strstr(slk_errmsg(), "SLK_LOG_TRACE"));
    OK(slk_set_log(0, NULL, NULL));

    /* What happens, with whom, and how important that is; names are harmless. */
    OK(slk_set_log(SLK_LOG_INFO, on_line, &log));
    link_two("evil\033[2J");
    CHECK(wait_for(&log, "peer up", "name=\"evil\\u{1b}[2J\"") == SLK_LOG_INFO);
    CHECK(wait_for(&log, "peer down", "reason=") == SLK_LOG_INFO);
    CHECK(!pthread_equal(log.thread, pthread_self()));

    /* Replaced: the former one hears no more; the level is another one. */
    OK(slk_set_log(SLK_LOG_DEBUG, on_line, &later));
    int heard = calls(&log);
    slk_ctx_t *ctx = slk_ctx_new();
    slk_spot_t *spot = slk_spot_new(ctx);
    OK(slk_spot_cluster_add(spot, "tcp://127.0.0.1:1"));
    CHECK(wait_for(&later, "attempt failed", "tcp://127.0.0.1:1") == SLK_LOG_DEBUG);
    CHECK(calls(&log) == heard);
    slk_ctx_destroy(ctx);
    OK(slk_set_log(SLK_LOG_ERROR, on_line, &log));
    link_two("quiet");
    CHECK(calls(&log) == heard);

    /* A child logs nothing until it says so, and then by itself. */
    OK(slk_set_log(SLK_LOG_INFO, on_line, &log));
    pid_t pid = fork();
    if (pid == 0) {
        alarm(LONG_MS / 1000);
        link_two("child");
        CHECK(log.calls == heard);
        OK(slk_set_log(SLK_LOG_INFO, on_line, &within));
        link_two("child");
        wait_for(&within, "peer up", "child");
        OK(slk_set_log(0, NULL, NULL));
        _exit(0);
    }
    int status;
    CHECK(waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 0);
    link_two("parent");
    wait_for(&log, "peer up", "parent");

    /* Ended from within: that was the last line. */
    OK(slk_set_log(SLK_LOG_INFO, on_first_line, &within));
    link_two("within");
    wait_for(&within, "serverlink", "");
    link_two("within");
    CHECK(calls(&within) == 1);

    /* One that is too slow holds up nobody and is told what it missed. */
    pthread_mutex_lock(&gate);
    OK(slk_set_log(SLK_LOG_TRACE, on_slow_line, &slow));
    for (int i = 0; i < 400; i++)
        link_two("slow");
    pthread_mutex_unlock(&gate);
    OK(slk_set_log(SLK_LOG_TRACE, on_line, &later));
    CHECK(wait_for(&slow, "lines left out", "too slow") == SLK_LOG_WARN);

    /* Replaced again and again while others log. */
    volatile int stop = 0;
    pthread_t busy[2];
    for (int i = 0; i < 2; i++)
        CHECK(pthread_create(&busy[i], NULL, link_again_and_again, (void *)&stop) == 0);
    for (int i = 0; i < 200; i++)
        OK(slk_set_log(SLK_LOG_TRACE, i % 3 ? on_line : NULL, i % 2 ? &log : &later));
    stop = 1;
    for (int i = 0; i < 2; i++)
        CHECK(pthread_join(busy[i], NULL) == 0);
    OK(slk_set_log(0, NULL, NULL));
    heard = calls(&log) + calls(&later);
    link_two("after");
    CHECK(calls(&log) + calls(&later) == heard);
    return 0;
}
