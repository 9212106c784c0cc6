//! Clusters of real nodes in a virtual world of hosts, network and time. One seed decides everything.
//!
//! The nodes are `spot-core` and `zmtp` as they are; [`driver`] stands for the threads and sockets around them. What
//! goes wrong is found by the [`checker`] and by comparing all nodes once the world has healed.

mod campaign;
mod charges;
pub mod checker;
mod clock;
pub mod driver;
mod fault;
mod link;
mod mutation;
mod net;
mod rng;
mod topic;
mod trace;
mod workload;
mod world;

pub use campaign::{Report, campaign};
pub use mutation::Mutation;
pub use workload::{
    Summary, run, run_calm, run_dying, run_leaving, run_moving, run_mutant, run_one_way,
};
