//! The floor between threads: the ring of `rtrb`, whose ends yield when it is full or empty, and a word with a futex,
//! which wakes the other thread for each message.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::yield_now;

use bench_child::{Contender, Spec};

/// As much as our queues hold by default.
const RING_MESSAGES: usize = 1000;
/// What a slot of the ring holds.
const SLOT_LEN: usize = 64;

type Slot = [u8; SLOT_LEN];

pub enum Sender {
    Ring(rtrb::Producer<Slot>, Slot),
    Futex(Arc<AtomicU32>),
}

pub enum Receiver {
    Ring(rtrb::Consumer<Slot>),
    Futex(Arc<AtomicU32>, u32),
}

/// One direction, or with a sibling two.
pub struct Station {
    sender: Option<Sender>,
    receiver: Option<Receiver>,
    answer: Option<(Sender, Receiver)>,
}

impl Station {
    pub fn new(spec: &Spec) -> Self {
        let (sender, receiver) = channel(spec.contender);
        Self {
            sender: Some(sender),
            receiver: Some(receiver),
            answer: Some(channel(spec.contender)),
        }
    }
}

fn channel(contender: Contender) -> (Sender, Receiver) {
    if contender == Contender::Futex {
        let word = Arc::new(AtomicU32::new(0));
        return (Sender::Futex(word.clone()), Receiver::Futex(word, 0));
    }
    let (producer, consumer) = rtrb::RingBuffer::new(RING_MESSAGES);
    (
        Sender::Ring(producer, [b'x'; SLOT_LEN]),
        Receiver::Ring(consumer),
    )
}

impl Station {
    /// Its sender reaches our receiver, and ours its receiver.
    pub fn sibling(&mut self) -> Self {
        let (answer, own) = self.answer.take().expect("one sibling");
        let receiver = self.receiver.replace(own);
        Self {
            sender: Some(answer),
            receiver,
            answer: None,
        }
    }

    pub fn sender(&mut self) -> Sender {
        self.sender.take().expect("one sender")
    }

    pub fn receiver(&mut self) -> Receiver {
        self.receiver.take().expect("one receiver")
    }
}

impl Sender {
    #[inline]
    pub fn send(&mut self, _topic: usize, number: u64) {
        match self {
            Self::Ring(producer, slot) => {
                slot[..8].copy_from_slice(&number.to_le_bytes());
                while producer.push(*slot).is_err() {
                    yield_now();
                }
            }
            Self::Futex(word) => {
                word.store(number as u32 + 1, Ordering::Release);
                futex(word, libc::FUTEX_WAKE, 1);
            }
        }
    }
}

impl Receiver {
    #[inline]
    pub fn receive(&mut self) -> u64 {
        match self {
            Self::Ring(consumer) => loop {
                if let Ok(slot) = consumer.pop() {
                    break u64::from_le_bytes(slot[..8].try_into().expect("eight bytes"));
                }
                yield_now();
            },
            Self::Futex(word, seen) => loop {
                let now = word.load(Ordering::Acquire);
                if now != *seen {
                    *seen = now;
                    break u64::from(now - 1);
                }
                futex(word, libc::FUTEX_WAIT, *seen);
            },
        }
    }
}

fn futex(word: &AtomicU32, operation: i32, value: u32) {
    // SAFETY: the word outlives the call; no timeout is given.
    unsafe {
        libc::syscall(
            libc::SYS_futex,
            word.as_ptr(),
            operation | libc::FUTEX_PRIVATE_FLAG,
            value,
            std::ptr::null::<libc::timespec>(),
        );
    }
}
