//! The commands, one file each.

pub(crate) mod bench;
pub(crate) mod cluster;
pub(crate) mod events;
pub(crate) mod health;
pub(crate) mod install;
pub(crate) mod node;
pub(crate) mod peers;
pub(crate) mod publish;
pub(crate) mod subscribe;
pub(crate) mod sync;
pub(crate) mod top;
pub(crate) mod topics;
