//! What differs from one platform to the next, and nothing else.
//!
//! [`unix`] holds what every Unix has; `linux` and `portable` offer the same names, the first with
//! Linux's own means, the second with what the other Unixes share.

#[cfg(target_os = "linux")]
mod linux;
#[cfg(any(test, not(target_os = "linux")))]
mod portable;
mod unix;

#[cfg(target_os = "linux")]
pub(crate) use linux::{EventFd, SEND_FLAGS, abstract_address, abstract_name, set_user_timeout};
#[cfg(not(target_os = "linux"))]
pub(crate) use portable::{EventFd, SEND_FLAGS, abstract_address, abstract_name, set_user_timeout};
pub(crate) use unix::{
    AcceptFailure, MAX_SEND_SLICES, accept_failure, descriptor_limit, interface_addresses,
    keepalive, out_of_descriptors, receive_onto,
};
