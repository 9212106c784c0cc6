//! The option numbers, and which option of the Rust API each means.

use std::ffi::c_int;
use std::time::Duration;

use serverlink::{Discovery, Minority, Options, Overflow, Spin, limits};

use super::{Reader, Value, unknown};
use crate::failure::Failure;

/// The node's id; not of `Options`, so `spot` answers for it.
pub(crate) const ROUTING_ID: c_int = 5;
/// The latest bind; likewise.
pub(crate) const LAST_ENDPOINT: c_int = 32;
/// The node's name; likewise.
pub(crate) const SPOT_NODE_NAME: c_int = 204;

// Ranges are those of the Rust API, which sees the values of a node that is not yet started only
// when it starts, and then it is too late to refuse one.
const DAY_MS: c_int = 24 * 60 * 60 * 1000;
const MAX_BACKLOG: c_int = 65_535;
const MAX_HISTORY: c_int = 1 << 20;
const MAX_CLUSTER_SIZE: c_int = limits::MAX_CLUSTER_SIZE as c_int;
const MAX_HEARTBEAT_TTL_MS: c_int = 6_553_500;
const MAX_KEEPALIVE_PROBES: c_int = 127;
const MAX_KEEPALIVE_S: c_int = 32_767;
const MAX_MESSAGE_BYTES: usize = 1 << 30;

const SNDBUF: c_int = 11;
const RCVBUF: c_int = 12;
const LINGER: c_int = 17;
const RECONNECT_IVL: c_int = 18;
const BACKLOG: c_int = 19;
const RECONNECT_IVL_MAX: c_int = 21;
const MAXMSGSIZE: c_int = 22;
const SNDHWM: c_int = 23;
const RCVHWM: c_int = 24;
const TCP_NODELAY: c_int = 26;
const RCVTIMEO: c_int = 27;
const SNDTIMEO: c_int = 28;
const TCP_KEEPALIVE: c_int = 34;
const TCP_KEEPALIVE_CNT: c_int = 35;
const TCP_KEEPALIVE_IDLE: c_int = 36;
const TCP_KEEPALIVE_INTVL: c_int = 37;
const HEARTBEAT_IVL: c_int = 75;
const HEARTBEAT_TTL: c_int = 76;
const HEARTBEAT_TIMEOUT: c_int = 77;
const SPOT_CONNECT_TIMEOUT: c_int = 200;
const SPOT_RELAY: c_int = 201;
const SPOT_HISTORY: c_int = 202;
const SPOT_OVERFLOW: c_int = 203;
const SPOT_CLUSTER_SIZE: c_int = 205;
const SPOT_DISCOVERY: c_int = 206;
const SPOT_MINORITY: c_int = 207;
const SPOT_SPIN: c_int = 208;
const SPOT_HWM_BYTES: c_int = 209;

/// Changes the option a number means. On an error `options` may be half changed.
pub(crate) fn set(options: &mut Options, option: c_int, value: Value<'_>) -> Result<(), Failure> {
    match option {
        SNDBUF => options.tcp.send_buffer = value.optional(0, c_int::MAX)?,
        RCVBUF => options.tcp.receive_buffer = value.optional(0, c_int::MAX)?,
        LINGER => options.linger = value.optional(0, c_int::MAX)?.map(ms),
        RECONNECT_IVL => options.reconnect_min = ms(value.within(1, DAY_MS)?),
        BACKLOG => options.backlog = narrow(value.within(1, MAX_BACKLOG)?),
        RECONNECT_IVL_MAX => options.reconnect_max = ms(value.within(1, DAY_MS)?),
        MAXMSGSIZE => options.max_message_size = value.wide(MAX_MESSAGE_BYTES)?,
        SNDHWM => options.send_hwm = value.count()?,
        RCVHWM => options.subscriber.hwm = value.count()?,
        TCP_NODELAY => options.tcp.nodelay = value.flag()?,
        RCVTIMEO => options.subscriber.recv_timeout = value.optional(0, c_int::MAX)?.map(ms),
        SNDTIMEO => options.send_timeout = value.optional(0, c_int::MAX)?.map(ms),
        TCP_KEEPALIVE => options.tcp.keepalive = value.flag()?,
        TCP_KEEPALIVE_CNT => {
            options.tcp.keepalive_count = narrow(value.within(1, MAX_KEEPALIVE_PROBES)?)
        }
        TCP_KEEPALIVE_IDLE => {
            options.tcp.keepalive_idle_s = narrow(value.within(1, MAX_KEEPALIVE_S)?)
        }
        TCP_KEEPALIVE_INTVL => {
            options.tcp.keepalive_interval_s = narrow(value.within(1, MAX_KEEPALIVE_S)?)
        }
        HEARTBEAT_IVL => options.heartbeat_interval = ms(value.within(0, DAY_MS)?),
        HEARTBEAT_TTL => {
            let ttl = value.within(0, MAX_HEARTBEAT_TTL_MS)?;
            options.heartbeat_ttl = (ttl > 0).then(|| ms(ttl));
        }
        HEARTBEAT_TIMEOUT => options.heartbeat_timeout = value.optional(1, DAY_MS)?.map(ms),
        SPOT_CONNECT_TIMEOUT => options.connect_timeout = ms(value.count()?),
        // An instance keeps the past of what it hosts and asks for that of what it subscribes to.
        SPOT_HISTORY => {
            options.history = value.within(0, MAX_HISTORY)?;
            options.subscriber.history = options.history;
        }
        SPOT_OVERFLOW => options.subscriber.overflow = overflow(value)?,
        SPOT_SPIN => options.spin = spin(value.optional(0, c_int::MAX)?),
        SPOT_HWM_BYTES => {
            options.send_hwm_bytes = value.size()?;
            options.subscriber.hwm_bytes = options.send_hwm_bytes;
        }
        // Of features this version does not have: only their absence can be asked for.
        SPOT_RELAY => {
            value.absent()?;
        }
        SPOT_CLUSTER_SIZE => {
            let size = value.within(0, MAX_CLUSTER_SIZE)?;
            options.cluster_size = (size > 0).then_some(size);
        }
        SPOT_DISCOVERY => {
            options.discovery = if value.flag()? {
                Discovery::Gossip
            } else {
                Discovery::Listed
            }
        }
        SPOT_MINORITY => {
            options.minority = if value.flag()? {
                Minority::Refuse
            } else {
                Minority::GoOn
            }
        }
        ROUTING_ID | LAST_ENDPOINT => return Err(value.read_only()),
        _ => return Err(unknown(option, "an instance")),
    }
    if options.reconnect_min > options.reconnect_max {
        return Err(Failure::invalid(format_args!(
            "option {option} would make the first pause ({:?}, SLK_RECONNECT_IVL) longer than the longest ({:?}, \
             SLK_RECONNECT_IVL_MAX): change the other one first",
            options.reconnect_min, options.reconnect_max
        )));
    }
    Ok(())
}

/// Reads the option a number means.
pub(crate) fn get(options: &Options, option: c_int, reader: Reader) -> Result<(), Failure> {
    match option {
        SNDBUF => reader.optional(options.tcp.send_buffer),
        RCVBUF => reader.optional(options.tcp.receive_buffer),
        LINGER => reader.optional(options.linger.map(|d| d.as_millis())),
        RECONNECT_IVL => reader.count(options.reconnect_min.as_millis()),
        BACKLOG => reader.count(options.backlog),
        RECONNECT_IVL_MAX => reader.count(options.reconnect_max.as_millis()),
        MAXMSGSIZE => reader.wide(options.max_message_size),
        SNDHWM => reader.count(options.send_hwm),
        RCVHWM => reader.count(options.subscriber.hwm),
        TCP_NODELAY => reader.int(options.tcp.nodelay.into()),
        RCVTIMEO => reader.optional(options.subscriber.recv_timeout.map(|d| d.as_millis())),
        SNDTIMEO => reader.optional(options.send_timeout.map(|d| d.as_millis())),
        TCP_KEEPALIVE => reader.int(options.tcp.keepalive.into()),
        TCP_KEEPALIVE_CNT => reader.count(options.tcp.keepalive_count),
        TCP_KEEPALIVE_IDLE => reader.count(options.tcp.keepalive_idle_s),
        TCP_KEEPALIVE_INTVL => reader.count(options.tcp.keepalive_interval_s),
        HEARTBEAT_IVL => reader.count(options.heartbeat_interval.as_millis()),
        HEARTBEAT_TTL => reader.count(options.heartbeat_ttl.map_or(0, |d| d.as_millis())),
        HEARTBEAT_TIMEOUT => reader.optional(options.heartbeat_timeout.map(|d| d.as_millis())),
        SPOT_CONNECT_TIMEOUT => reader.count(options.connect_timeout.as_millis()),
        SPOT_HISTORY => reader.count(options.history),
        SPOT_OVERFLOW => reader.int(options.subscriber.overflow.number().into()),
        SPOT_SPIN => reader.optional(match options.spin {
            Spin::Adaptive => None,
            Spin::Micros(micros) => Some(micros),
        }),
        SPOT_HWM_BYTES => reader.size(options.send_hwm_bytes),
        SPOT_RELAY => reader.int(0),
        SPOT_CLUSTER_SIZE => reader.count(options.cluster_size.unwrap_or(0)),
        SPOT_DISCOVERY => reader.int((options.discovery == Discovery::Gossip).into()),
        SPOT_MINORITY => reader.int((options.minority == Minority::Refuse).into()),
        _ => Err(unknown(option, "an instance")),
    }
}

fn ms(ms: usize) -> Duration {
    Duration::from_millis(ms as u64)
}

/// A value that came as an int, and so fits.
fn narrow(value: usize) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}

fn spin(micros: Option<usize>) -> Spin {
    micros.map_or(Spin::Adaptive, |micros| Spin::Micros(narrow(micros)))
}

fn overflow(value: Value<'_>) -> Result<Overflow, Failure> {
    let number = value.within(0, Overflow::Disconnect.number().into())?;
    Ok(Overflow::from_number(number as u64).expect("the numbers have no gap"))
}
