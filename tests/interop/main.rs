//! A SPOT port and the real libzmq, in both directions; where libzmq is too new, a peer made by hand.

mod commands;
mod dialed;
mod heartbeats;
mod publishers;
mod refused;
mod subscribers;
mod version_3_0;
