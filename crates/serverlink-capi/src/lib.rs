//! The C ABI of ServerLink SPOT. What each function does is told in `include/serverlink/serverlink.h`.
//!
//! - `handles`: what C holds instead of addresses, and what becomes of it after `fork`
//! - `errno`, `failure`, `fence`: typed errors and panics become numbers and sentences
//! - `args`, `block`: the only places that read what C points to, and give C memory
//! - `context`, `spot`, `options`: the objects behind the handles
//! - the rest: the functions, grouped as in the header

#[cfg(test)]
mod allocations;
mod args;
mod block;
mod cluster;
mod context;
mod errno;
mod failure;
mod fence;
mod handles;
#[cfg(test)]
mod in_use;
mod library;
mod log;
mod members;
mod monitor;
mod options;
mod production;
mod publisher;
mod spot;
mod stats;
mod subscriptions;
mod topics;
