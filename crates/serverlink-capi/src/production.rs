//! An instance set up for production in one call.

use std::ffi::{c_char, c_int, c_void};

use crate::failure::Failure;
use crate::{args, fence, spot};

/// `slk_production_t`.
#[repr(C)]
#[derive(Clone, Copy)]
struct Production {
    bind_endpoint: *const c_char,
    cluster_peers: *const *const c_char,
    peer_count: c_int,
    sndhwm: c_int,
    rcvhwm: c_int,
    sync_timeout_ms: c_int,
}

#[unsafe(no_mangle)]
unsafe extern "C" fn slk_spot_init_production(spot: *mut c_void, config: *const c_void) -> c_int {
    fence::number(|| {
        let spot = spot::get(spot)?;
        if config.is_null() {
            return Err(Failure::invalid(
                "config of slk_spot_init_production is NULL: pass a slk_production_t",
            ));
        }
        // SAFETY: the caller's configuration, and not NULL.
        let config = unsafe { config.cast::<Production>().read() };
        // SAFETY: the caller's texts.
        let peers = unsafe { peers(&config)? };
        // SAFETY: the caller's text.
        let bind = unsafe { args::text(config.bind_endpoint, "bind_endpoint")? };
        let send = args::count(config.sndhwm, "sndhwm of slk_production_t")?;
        let receive = args::count(config.rcvhwm, "rcvhwm of slk_production_t")?;
        let timeout = args::timeout(config.sync_timeout_ms, "sync_timeout_ms")?;
        spot.configure(|options| {
            options.send_hwm = send;
            options.subscriber.hwm = receive;
            Ok(())
        })?;
        let running = spot.running()?;
        running.node.bind(bind)?;
        let mut undone = 0;
        let mut warn = |failure: Failure| {
            failure.set();
            undone += 1;
        };
        for peer in peers {
            running
                .node
                .add_peer(peer)
                .unwrap_or_else(|error| warn(error.into()));
        }
        running
            .node
            .sync(timeout)
            .unwrap_or_else(|error| warn(error.into()));
        Ok(undone)
    })
}

/// # Safety
/// As many NULL or NUL-terminated texts as are told, which stay as they are for `'a`.
unsafe fn peers<'a>(config: &Production) -> Result<Vec<&'a str>, Failure> {
    let count = args::count(config.peer_count, "peer_count of slk_production_t")?;
    if count > 0 && config.cluster_peers.is_null() {
        return Err(Failure::invalid(format_args!(
            "cluster_peers is NULL with a peer_count of {count}: pass the endpoints, or a count of 0"
        )));
    }
    (0..count)
        .map(|index| {
            // SAFETY: the caller vouches for `count` of them.
            unsafe {
                args::text(
                    *config.cluster_peers.add(index),
                    "an endpoint of cluster_peers",
                )
            }
        })
        .collect()
}
