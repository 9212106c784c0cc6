//! Security mechanisms: what peers say between greeting and traffic. NULL is the only one yet; each further
//! one is a file here, with the states of its own handshake.

pub(crate) mod null;
