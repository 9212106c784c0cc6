//! The SPOT node without I/O.
