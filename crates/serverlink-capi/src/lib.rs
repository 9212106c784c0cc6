//! The C ABI of ServerLink SPOT. What each function does is told in `include/serverlink/serverlink.h`.
//!
//! - `handles`: what C holds instead of addresses, and what becomes of it after `fork`
//! - `errno`, `fence`: typed errors and panics become numbers
//! - `args`, `block`: the only places that read what C points to, and give C memory
//! - `context`, `spot`, `options`: the objects behind the handles
//! - the rest: the functions, grouped as in the header

mod args;
mod block;
mod cluster;
mod context;
mod errno;
mod fence;
mod handles;
mod library;
mod members;
mod monitor;
mod options;
mod publisher;
mod spot;
mod stats;
mod subscriptions;
mod topics;
