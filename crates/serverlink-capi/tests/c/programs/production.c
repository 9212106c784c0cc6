/* An instance set up in one call: what is done, what is left undone, what is refused. */
#include "check.h"

int main(void)
{
    slk_ctx_t *ctx = slk_ctx_new();
    slk_spot_t *a = slk_spot_new(ctx);
    slk_spot_t *b = slk_spot_new(ctx);
    char endpoint[256];
    size_t len = sizeof(endpoint);

    slk_production_t alone = {
        .bind_endpoint = "tcp://127.0.0.1:0", .sndhwm = 10000, .rcvhwm = 20000, .sync_timeout_ms = 1000};
    CHECK(slk_spot_init_production(a, &alone) == 0);
    CHECK(slk_spot_getsockopt(a, SLK_LAST_ENDPOINT, endpoint, &len) == 0);
    int hwm;
    len = sizeof(hwm);
    CHECK(slk_spot_getsockopt(a, SLK_SNDHWM, &hwm, &len) == 0 && hwm == 10000);
    CHECK(slk_spot_getsockopt(a, SLK_RCVHWM, &hwm, &len) == 0 && hwm == 20000);
    CHECK(slk_spot_topic_create(a, "t") == 0);

    /* All is done: the peer answered. */
    const char *peers[] = {endpoint, "nonsense", "tcp://127.0.0.1:1"};
    slk_production_t joined = alone;
    joined.cluster_peers = peers;
    joined.peer_count = 1;
    joined.sync_timeout_ms = 30000;
    CHECK(slk_spot_init_production(b, &joined) == 0);
    CHECK(slk_spot_topic_exists(b, "t") == 1);

    /* A peer that is none and one that is not there: told, and it goes on. */
    slk_spot_t *c = slk_spot_new(ctx);
    joined.cluster_peers = &peers[1];
    joined.peer_count = 2;
    joined.sync_timeout_ms = 10;
    CHECK(slk_spot_init_production(c, &joined) == 2);
    CHECK(slk_errno() == SLK_EHOSTUNREACH);

    /* Refused. */
    slk_spot_t *d = slk_spot_new(ctx);
    slk_production_t taken = alone;
    taken.bind_endpoint = endpoint;
    FAILS(SLK_EADDRINUSE, slk_spot_init_production(d, &taken));
    FAILS(SLK_EINVAL, slk_spot_init_production(d, NULL));
    taken.peer_count = 1;
    FAILS(SLK_EINVAL, slk_spot_init_production(d, &taken));
    taken.peer_count = -1;
    FAILS(SLK_EINVAL, slk_spot_init_production(d, &taken));
    FAILS(SLK_EINVAL, slk_spot_init_production(NULL, &alone));

    slk_spot_destroy(&a);
    slk_spot_destroy(&b);
    slk_spot_destroy(&c);
    slk_spot_destroy(&d);
    slk_ctx_destroy(ctx);
    return 0;
}
