//! The cluster of the demo, left up to play with.

use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

use serverlink::Overflow;

use super::mesh::Mesh;
use crate::failure::Failure;
use crate::interrupt;
use crate::output::Output;

/// Between two readings of the sensor: often enough to see it move.
const PAUSE: Duration = Duration::from_millis(100);

/// Messages that may wait for a subscriber that only counts.
const HWM: usize = 1000;

/// Says how to reach the nodes, and publishes something now and then, until a signal.
pub(super) fn play(mesh: Mesh, page: &str) -> Result<(), Failure> {
    let (stop, stopped) = channel();
    interrupt::on_first(move || {
        let _ = stop.send(());
    })?;
    invite(&mesh, page)?;
    let temperature = mesh.alpha.publisher("sensor:temp")?;
    let score = mesh.gamma.publisher("game:score")?;
    let scores = mesh
        .alpha
        .subscribe("game:score", HWM, Overflow::DropOldest)?;
    let mut count = 0_u32;
    while stopped.recv_timeout(PAUSE) == Err(RecvTimeoutError::Timeout) {
        count += 1;
        // A subscriber that blocks may hold up a reading, and not the end.
        let reading = format!("{}.{}", 20 + count / 10 % 5, count % 10);
        let _ = temperature.publish_timeout(reading, PAUSE);
        if count.is_multiple_of(2) {
            let _ = score.publish_timeout((count / 2).to_string(), PAUSE);
        }
        while scores.try_recv().is_ok() {}
    }
    mesh.close();
    Ok(())
}

fn invite(mesh: &Mesh, page: &str) -> Result<(), Failure> {
    let mut output = Output::new();
    output.line("")?;
    output.line("The cluster stays up until Ctrl-C. Try, in another terminal:")?;
    for line in [
        format!("open {page} in a browser"),
        format!("spot sub 'sensor:*' --peer {}", mesh.alpha.endpoint),
        format!("spot pub chat:lobby hello --peer {}", mesh.beta.endpoint),
        format!("spot cluster --peer {}", mesh.gamma.endpoint),
    ] {
        output.line(&format!("   {line}"))?;
    }
    output.flush()
}
