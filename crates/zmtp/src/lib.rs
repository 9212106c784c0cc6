//! ZMTP 3.1 without I/O.
