//! Tests of the program as its users run it: as processes.

mod asking;
mod demo;
mod failures;
mod messages;
mod refusals;
mod support;
mod terminal;
