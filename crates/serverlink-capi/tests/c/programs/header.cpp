// The header is C++ as well.
#include <serverlink/serverlink.h>

static void on_event(const slk_event_t *event, void *count)
{
    *static_cast<int *>(count) += event->type != 0;
}

int main()
{
    int events = 0;
    slk_ctx_t *ctx = slk_ctx_new();
    slk_spot_t *spot = slk_spot_new(ctx);
    int rc = slk_spot_monitor(spot, on_event, &events);
    slk_spot_destroy(&spot);
    slk_ctx_destroy(ctx);
    return rc;
}
