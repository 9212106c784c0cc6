//! What a hostile peer can do to a port: cost its own connection, and nothing else.

mod counted;
mod floods;
mod frames;
mod greetings;
mod handshakes;
mod numbers;
mod victim;
