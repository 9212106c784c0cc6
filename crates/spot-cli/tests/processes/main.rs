//! Tests of the program as its users run it: as processes.

mod asking;
mod cluster;
mod demo;
mod messages;
mod refusals;
mod support;
