//! The library as C sees it: programs compiled with plain `cc`, run as processes, each with a deadline.

mod debian;
mod examples;
mod failures;
mod install;
mod programs;
mod support;
mod symbols;
