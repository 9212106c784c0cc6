//! Location-transparent publish/subscribe.
