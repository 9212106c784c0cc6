//! The maxima this side puts on what a peer may send.

/// Upper bounds on what a peer may make this side hold, all in octets unless said.
///
/// ZMTP itself allows frames of up to 2^63-1 octets (RFC 37, Framing), so every reader needs bounds of
/// its own. Going past one is an error that should close the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Largest body of one message frame. Default 64 MiB + 64 KiB.
    pub max_frame_size: usize,
    /// Largest body of one command frame, in the handshake and in traffic. Default 64 KiB.
    pub max_command_size: usize,
    /// Most frames (a count) in one multipart message. Default 64.
    pub max_message_frames: usize,
    /// Largest sum of the frame bodies of one multipart message. Default 64 MiB + 64 KiB.
    pub max_message_size: usize,
}

impl Default for Limits {
    fn default() -> Self {
        const KIB: usize = 1024;
        const MIB: usize = 1024 * KIB;
        Self {
            max_frame_size: 64 * MIB + 64 * KIB,
            max_command_size: 64 * KIB,
            max_message_frames: 64,
            max_message_size: 64 * MIB + 64 * KIB,
        }
    }
}
