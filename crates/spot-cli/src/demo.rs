//! `spot demo`: a cluster of three nodes in one process, which checks itself.
//!
//! Nothing here looks inside the library: it uses the public API as any program would, counts what it sends, and
//! believes only what its subscribers received.

mod account;
mod keep;
mod mesh;
mod page;
mod steps;
mod story;

use std::time::{Duration, Instant};

use account::Account;
use mesh::Mesh;
use story::Story;

use crate::cli::DemoArgs;
use crate::failure::Failure;

/// How long any one wait of the demo may take.
const PATIENCE: Duration = Duration::from_secs(5);

pub(crate) fn run(args: &DemoArgs) -> Result<(), Failure> {
    let started = Instant::now();
    let mut story = Story::new(
        "SPOT demo: three nodes on this machine, linked by TCP, no broker.\n\
         Every message carries its number; every subscriber checks that none is missing untold.",
    );
    let mut account = Account::default();
    let told = tell(&mut story, &mut account);
    if !account.is_empty() {
        story.table(&account.table());
    }
    let (mesh, page) = match told {
        Ok(told) => told,
        Err(failure) => {
            story.failed();
            return Err(failure);
        }
    };
    let kept = if args.keep {
        Some(mesh)
    } else {
        mesh.close();
        None
    };
    story.end(&format!(
        "Sent = delivered + reported missing, for every subscriber ({:.1} s).",
        started.elapsed().as_secs_f64()
    ))?;
    kept.map_or(Ok(()), |mesh| keep::play(mesh, &page))
}

/// Returns the nodes, which still run, and where the page of one is.
fn tell(story: &mut Story, account: &mut Account) -> Result<(Mesh, String), Failure> {
    let mut mesh = Mesh::start(story)?;
    let page = page::offer(story, &mesh.alpha)?;
    mesh.link(story)?;
    mesh.offer_topics(story)?;
    let mut readers = steps::subscribe(story, &mesh)?;
    let mut sent = steps::publish(story, &mesh, &mut readers)?;
    steps::publish_from_afar(story, &mesh, &mut readers, &mut sent)?;
    steps::slow_subscribers(story, &mesh, account)?;
    steps::leave(story, &mesh, &mut readers, &mut sent, account)?;
    steps::come_back(story, &mut mesh, &mut readers, &mut sent)?;
    readers.close(&sent, account)?;
    Ok((mesh, page))
}
