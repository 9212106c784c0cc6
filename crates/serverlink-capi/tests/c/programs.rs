//! The programs beside this file, each of which checks one side of the library and exits 0.

use crate::support::Program;

macro_rules! programs {
    ($($name:ident)+) => { $(
        #[test]
        fn $name() {
            Program::test(concat!(stringify!($name), ".c")).run(&[]);
        }
    )+ };
}

programs! {
    cluster
    contexts
    counters
    errmsg
    errors
    fork
    guide
    history
    lifecycle
    log
    losses
    members
    messages
    misuse
    monitor
    options
    production
    relay
    topics
}

#[test]
fn the_header_is_cpp_too() {
    Program::test("header.cpp").run(&[]);
}
