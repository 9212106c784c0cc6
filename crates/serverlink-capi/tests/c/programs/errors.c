/* Errors: their numbers, their texts, and that each thread has its own. */
#define _POSIX_C_SOURCE 200809L
#include "check.h"

#include <pthread.h>

static const int all[] = {
    SLK_EINVAL, SLK_ENOMEM, SLK_EAGAIN, SLK_ENOTSOCK, SLK_EPROTO, SLK_ETERM, SLK_EMTHREAD,
    SLK_EHOSTUNREACH, SLK_ENOTREADY, SLK_EPEERUNREACH, SLK_EAUTH, SLK_ENOENT, SLK_EEXIST,
    SLK_EMSGSIZE, SLK_EADDRINUSE, SLK_EADDRNOTAVAIL, SLK_ETIMEDOUT, SLK_ECONNREFUSED, SLK_EINTERNAL
};
enum { COUNT = sizeof(all) / sizeof(all[0]) };

static void the_numbers_are_the_contract(void)
{
    static const int expected[] = {1, 2, 3, 4, 5, 6, 7, 10, 11, 12, 13, 14, 17, 90, 98, 99, 110, 111, 999};
    CHECK(memcmp(all, expected, sizeof(all)) == 0);
}

static void each_error_has_a_text_of_its_own(void)
{
    for (int i = 0; i < COUNT; i++) {
        CHECK(slk_strerror(all[i])[0] != '\0');
        for (int j = 0; j < i; j++)
            CHECK(strcmp(slk_strerror(all[i]), slk_strerror(all[j])) != 0);
    }
    CHECK(strcmp(slk_strerror(1013), strerror(13)) == 0);
    CHECK(strcmp(slk_strerror(104), strerror(104)) == 0);
    for (int number = -2000; number < 2000; number++)
        CHECK(slk_strerror(number) != NULL && slk_strerror(number)[0] != '\0');
    CHECK(slk_strerror(-2147483647 - 1) != NULL);
}

static void *other_thread(void *unused)
{
    (void)unused;
    CHECK(slk_errno() == 0);
    FAILS(SLK_EINVAL, slk_spot_bind(NULL, NULL));
    return NULL;
}

static void each_thread_has_its_own_errno(slk_spot_t *spot)
{
    pthread_t thread;
    FAILS(SLK_ENOENT, slk_spot_topic_destroy(spot, "nothing"));
    CHECK(pthread_create(&thread, NULL, other_thread, NULL) == 0);
    CHECK(pthread_join(thread, NULL) == 0);
    CHECK(slk_errno() == SLK_ENOENT);
    OK(slk_spot_topic_create(spot, "something"));
    CHECK(slk_errno() == SLK_ENOENT);
}

static void version_and_capabilities(void)
{
    int major = -1, minor = -1, patch = -1;
    slk_version(&major, &minor, &patch);
    CHECK(SLK_MAKE_VERSION(major, minor, patch) == SLK_VERSION);
    CHECK(slk_has("tcp") == 1 && slk_has("ipc") == 1 && slk_has("inproc") == 1);
    CHECK(slk_has("relay") == 1 && slk_has("curve") == 0 && slk_has("") == 0);
}

static void the_clock_goes_forward(void)
{
    uint64_t before = slk_clock();
    slk_sleep(5);
    CHECK(slk_clock() - before >= 5000);
    slk_sleep(0);
    slk_sleep(-1);
}

int main(void)
{
    slk_ctx_t *ctx = slk_ctx_new();
    slk_spot_t *spot = slk_spot_new(ctx);
    the_numbers_are_the_contract();
    each_error_has_a_text_of_its_own();
    each_thread_has_its_own_errno(spot);
    version_and_capabilities();
    the_clock_goes_forward();
    slk_ctx_destroy(ctx);
    return 0;
}
