//! Options: how C gives and takes their values, and which option of the Rust API each number means.

mod table;
mod value;

pub(crate) use table::{LAST_ENDPOINT, ROUTING_ID, SPOT_NODE_NAME, get, set};
pub(crate) use value::{Reader, Value, unknown};
