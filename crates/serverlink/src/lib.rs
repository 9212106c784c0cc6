//! Location-transparent publish/subscribe.

mod net;
mod sys;
