//! What every measured process does, whichever library it measures: it is told by a [`Spec`] what to do, talks with
//! the harness in lines, numbers what it sends, and checks what it receives.

mod line;
mod order;
mod spec;
mod traffic;
mod usage;

pub use line::{hear, is_told, report, say};
pub use order::{LAST, Order, numbered};
pub use spec::{Contender, Filters, Overflow, Role, Spec, topic_name};
pub use traffic::{percentiles, publish_for, round_trips_for, subscribe_until_last, tell_last};
pub use usage::{Cpu, now_ns, resident_bytes};

/// No wait in a measurement is longer than this; whatever takes longer has failed.
pub const WAIT: std::time::Duration = std::time::Duration::from_secs(120);
