//! The program `spot`.
fn main() {}
