//! What the demo does with its nodes, one function a step.

use std::thread;

use serverlink::{Overflow, PublishError};

use super::PATIENCE;
use super::account::{Account, Reader, Sent};
use super::mesh::{Member, Mesh};
use super::story::Story;
use crate::failure::Failure;

const EACH: u64 = 400;
const BURST: u64 = 5000;
const SMALL_QUEUE: usize = 100;
const DEFAULT_QUEUE: usize = 1000;

/// The subscribers that listen all the time.
pub(super) struct Readers {
    temp: Reader,
    sensors: Reader,
    chat: Reader,
    score: Reader,
}

impl Readers {
    fn all(&mut self) -> [&mut Reader; 4] {
        [
            &mut self.temp,
            &mut self.sensors,
            &mut self.chat,
            &mut self.score,
        ]
    }

    fn catch_up(&mut self, sent: &Sent) -> Result<(), Failure> {
        self.all()
            .into_iter()
            .try_for_each(|reader| reader.catch_up_whole(sent))
    }

    /// Closes the accounts of those that listened to the end; gamma's was closed when gamma left.
    pub(super) fn close(&self, sent: &Sent, account: &mut Account) -> Result<(), Failure> {
        [&self.temp, &self.chat, &self.score]
            .into_iter()
            .try_for_each(|reader| account.close(reader, sent))
    }
}

pub(super) fn subscribe(story: &mut Story, mesh: &Mesh) -> Result<Readers, Failure> {
    story.step("Subscribers, by name and by pattern; nobody says where a topic lives");
    let mut reader = |member: &Member, filter: &str, topics: &[&'static str]| {
        let subscriber = member.subscribe(filter, DEFAULT_QUEUE, Overflow::DropNewest)?;
        story.check(&format!("{:5} listens to {filter}", member.name));
        Ok::<_, Failure>(Reader::new(member.name, filter, topics, subscriber))
    };
    Ok(Readers {
        temp: reader(&mesh.beta, "sensor:temp", &["sensor:temp"])?,
        sensors: reader(&mesh.gamma, "sensor:*", &["sensor:temp", "sensor:humidity"])?,
        chat: reader(&mesh.alpha, "chat:lobby", &["chat:lobby"])?,
        score: reader(&mesh.alpha, "game:score", &["game:score"])?,
    })
}

pub(super) fn publish(
    story: &mut Story,
    mesh: &Mesh,
    readers: &mut Readers,
) -> Result<Sent, Failure> {
    story.step(&format!(
        "Each node publishes {EACH} messages on each of its topics"
    ));
    let mut sent = Sent::default();
    for (member, topic) in [
        (&mesh.alpha, "sensor:temp"),
        (&mesh.alpha, "sensor:humidity"),
        (&mesh.beta, "chat:lobby"),
        (&mesh.gamma, "game:score"),
    ] {
        sent.publish(&member.publisher(topic)?, EACH)?;
        story.say(&format!("{:5} published on {topic}", member.name));
    }
    readers.catch_up(&sent)?;
    for reader in readers.all() {
        story.check(&format!(
            "{:5} received {:4} in order, none missing",
            reader.who, reader.delivered
        ));
    }
    Ok(sent)
}

pub(super) fn publish_from_afar(
    story: &mut Story,
    mesh: &Mesh,
    readers: &mut Readers,
    sent: &mut Sent,
) -> Result<(), Failure> {
    story.step(
        "gamma publishes on chat:lobby, a topic of beta: the same call, the message finds its way",
    );
    sent.publish(&mesh.gamma.publisher("chat:lobby")?, EACH)?;
    readers.catch_up(sent)?;
    story.check(&format!(
        "alpha received {EACH} more, sent by gamma through beta"
    ));
    Ok(())
}

pub(super) fn slow_subscribers(
    story: &mut Story,
    mesh: &Mesh,
    account: &mut Account,
) -> Result<(), Failure> {
    story.step(&format!(
        "A burst of {BURST} meets queues of {SMALL_QUEUE}: each subscriber chose what gives when its queue is full"
    ));
    let reader = |who: &str, member: &Member, overflow| {
        let subscriber = member.subscribe("burst", SMALL_QUEUE, overflow)?;
        Ok::<_, Failure>(Reader::new(who, "burst", &["burst"], subscriber))
    };
    let mut newest = reader("beta/1", &mesh.beta, Overflow::DropNewest)?;
    let mut oldest = reader("beta/2", &mesh.beta, Overflow::DropOldest)?;
    let mut patient = reader("gamma/1", &mesh.gamma, Overflow::Block)?;
    let publisher = mesh.alpha.publisher("burst")?;
    let burst = Sent::of("burst", BURST);
    thread::scope(|scope| {
        let publishing = scope.spawn(|| Sent::default().publish(&publisher, BURST));
        // The one that blocks reads along; the two that drop read nothing before the burst is over.
        let read = patient.catch_up_whole(&burst);
        publishing
            .join()
            .expect("the publishing thread does not panic")?;
        read
    })?;
    newest.catch_up(&burst)?;
    oldest.catch_up(&burst)?;
    for (reader, what) in [
        (&newest, "drops the newest"),
        (&oldest, "drops the oldest"),
        (&patient, "blocks the publisher"),
    ] {
        let (delivered, missed) = (reader.delivered, reader.missed);
        story.check(&format!(
            "{:7} {what:20} received {delivered:4}, was told of {missed:4} missing",
            reader.who
        ));
        account.close(reader, &burst)?;
    }
    Ok(())
}

pub(super) fn leave(
    story: &mut Story,
    mesh: &Mesh,
    readers: &mut Readers,
    sent: &mut Sent,
    account: &mut Account,
) -> Result<(), Failure> {
    story.step("gamma stops");
    account.close(&readers.sensors, sent)?;
    mesh.gamma.node.close();
    let lost = readers.score.expect_lost()?;
    story.check(&format!(
        "alpha, who listens to game:score, is told that {lost} is lost"
    ));
    match mesh.alpha.node.publish("game:score", "anybody?") {
        Err(PublishError::Unreachable { .. }) => {
            story.check("alpha publishing on game:score is told that nobody hosts it now");
        }
        other => {
            return Err(Failure::Failed(format!(
                "publishing on a lost topic gave {other:?}"
            )));
        }
    }
    sent.publish(&mesh.alpha.publisher("sensor:temp")?, EACH)?;
    readers.temp.catch_up_whole(sent)?;
    story.check(&format!(
        "the others go on: beta received {EACH} more on sensor:temp"
    ));
    Ok(())
}

pub(super) fn come_back(
    story: &mut Story,
    mesh: &mut Mesh,
    readers: &mut Readers,
    sent: &mut Sent,
) -> Result<(), Failure> {
    story.step("gamma comes back, with the same name, at the same place");
    mesh.gamma = Member::start("gamma", &mesh.gamma.endpoint)?;
    let publisher = mesh.gamma.node.create_topic("game:score")?;
    mesh.join(&mesh.gamma)?;
    mesh.gamma.wait_linked(2)?;
    story.check("gamma has links to the other two again");
    let listening = mesh.gamma.node.wait_subscribers("game:score", 1, PATIENCE);
    listening.map_err(|error| Failure::Failed(format!("nobody listens to game:score: {error}")))?;
    story.check("alpha's subscription to game:score came back by itself");
    sent.publish(&publisher, EACH)?;
    readers.score.catch_up_whole(sent)?;
    story.check(&format!(
        "alpha received {EACH} more on game:score, none missing"
    ));
    Ok(())
}
