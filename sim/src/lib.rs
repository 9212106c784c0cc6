//! Clusters of real nodes in a virtual world of hosts, network and time. One seed decides everything.
//!
//! The nodes are `spot-core` and `zmtp` as they are; [`driver`] stands for the threads and sockets around them. What
//! goes wrong is found by the [`checker`] and by comparing all nodes once the world has healed.

mod charges;
pub mod checker;
pub mod driver;
mod link;
mod net;
mod rng;
mod topic;
mod workload;
mod world;

pub use workload::{Summary, run, run_one_way};
