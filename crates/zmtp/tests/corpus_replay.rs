//! Replays the fuzz corpora through the code the fuzz targets run.

#[path = "../../../fuzz/src/zmtp.rs"]
#[expect(unreachable_pub, reason = "public for the fuzz targets")]
mod checks;
#[path = "../../../fuzz/src/corpus.rs"]
#[allow(dead_code, unreachable_pub, reason = "every test uses its own part")]
mod corpus;

use corpus::replay;

#[test]
fn decoder() {
    replay("zmtp_decoder", checks::check_decoder);
}

#[test]
fn handshake() {
    replay("zmtp_handshake", checks::check_handshake);
}

#[test]
fn command() {
    replay("zmtp_command", checks::check_command);
}
