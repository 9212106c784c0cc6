//! Tests of the program as its users run it: as processes.

mod admin;
mod asking;
mod bench;
mod cluster;
mod configuration;
mod demo;
mod failures;
mod history;
mod log;
mod messages;
mod page;
mod page_cost;
mod prometheus;
mod pty;
mod refusals;
mod service;
mod slips;
mod stopping;
mod support;
mod terminal;
mod top;
mod upgrade;
