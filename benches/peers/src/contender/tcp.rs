//! The floor: plain blocking TCP sockets. A message is its length and its payload; the sender gathers messages until
//! they fill a write of the wanted size.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};

use bench_child::{LAST, Spec};

use super::{payload, stamp};

const HEADER_LEN: usize = 4;
const READ_LEN: usize = 256 * 1024;

pub struct Station {
    listener: Option<TcpListener>,
    /// Connected to a sender; what this process sends goes back the same way.
    dialled: Option<TcpStream>,
    write_len: usize,
    size: usize,
}

pub struct Sender {
    listener: Option<TcpListener>,
    streams: Vec<TcpStream>,
    frame: Vec<u8>,
    gathered: Vec<u8>,
    write_len: usize,
}

pub struct Receiver {
    stream: TcpStream,
    buffer: Vec<u8>,
    /// What of the buffer is not consumed yet.
    begin: usize,
    end: usize,
    size: usize,
}

impl Station {
    pub fn new(spec: &Spec, write_len: usize) -> Self {
        Self {
            listener: None,
            dialled: None,
            write_len,
            size: spec.size.max(8),
        }
    }

    pub fn bind(&mut self) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("bound").to_string();
        self.listener = Some(listener);
        address
    }

    pub fn sender(&mut self) -> Sender {
        let mut frame = (self.size as u32).to_le_bytes().to_vec();
        frame.extend(payload(self.size));
        Sender {
            listener: self.listener.take(),
            streams: self.dialled.iter().map(second_handle).collect(),
            frame,
            gathered: Vec::with_capacity(self.write_len + self.size),
            write_len: self.write_len,
        }
    }

    pub fn connect(&mut self, endpoints: &[String]) {
        let stream = TcpStream::connect(&endpoints[0]).expect("it listens");
        stream.set_nodelay(true).expect("an option");
        self.dialled = Some(stream);
    }

    pub fn receiver(&mut self) -> Receiver {
        let stream = self.dialled.as_ref().expect("connected before");
        Receiver::new(second_handle(stream), self.size)
    }
}

impl Sender {
    pub fn wait_subscribers(&mut self, count: usize) {
        let Some(listener) = &self.listener else {
            return;
        };
        while self.streams.len() < count {
            let (stream, _) = listener.accept().expect("a connection");
            stream.set_nodelay(true).expect("an option");
            self.streams.push(stream);
        }
    }

    /// Reads what the first subscriber sends back.
    pub fn answers(&self) -> Receiver {
        Receiver::new(
            second_handle(&self.streams[0]),
            self.frame.len() - HEADER_LEN,
        )
    }

    #[inline]
    pub fn send(&mut self, _topic: usize, number: u64) {
        stamp(&mut self.frame[HEADER_LEN..], number);
        self.gathered.extend_from_slice(&self.frame);
        if self.gathered.len() >= self.write_len || number & LAST != 0 {
            self.flush();
        }
    }

    pub fn flush(&mut self) {
        for piece in self.gathered.chunks(self.write_len) {
            for stream in &mut self.streams {
                stream.write_all(piece).expect("written");
            }
        }
        self.gathered.clear();
    }
}

impl Receiver {
    fn new(stream: TcpStream, size: usize) -> Self {
        Self {
            stream,
            buffer: vec![0; READ_LEN],
            begin: 0,
            end: 0,
            size,
        }
    }

    /// Large payloads are read and passed over, without a copy in one piece: it is a floor.
    #[inline]
    pub fn receive(&mut self) -> u64 {
        while self.end - self.begin < HEADER_LEN + 8 {
            self.buffer.copy_within(self.begin..self.end, 0);
            self.end -= self.begin;
            self.begin = 0;
            self.fill(self.end);
        }
        let head = &self.buffer[self.begin..self.begin + HEADER_LEN + 8];
        let len = u32::from_le_bytes(head[..HEADER_LEN].try_into().expect("four bytes"));
        let number = u64::from_le_bytes(head[HEADER_LEN..].try_into().expect("eight bytes"));
        assert_eq!(len as usize, self.size, "bytes of a message");
        let mut left = HEADER_LEN + self.size;
        while left > self.end - self.begin {
            left -= self.end - self.begin;
            self.begin = 0;
            self.end = 0;
            self.fill(0);
        }
        self.begin += left;
        number
    }

    fn fill(&mut self, at: usize) {
        let read = self.stream.read(&mut self.buffer[at..]).expect("read");
        assert_ne!(read, 0, "the sender is gone");
        self.end = at + read;
    }
}

fn second_handle(stream: &TcpStream) -> TcpStream {
    stream.try_clone().expect("a descriptor")
}
