//! A client of NATS that does no more than is measured, written by its text protocol: what a library adds is not NATS's own.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;

use bench_child::topic_name;

/// As much as is written at once.
const BATCH_BYTES: usize = 64 << 10;

pub struct Client {
    reader: BufReader<TcpStream>,
    stream: TcpStream,
    batch: Vec<u8>,
    line: String,
    payload: Vec<u8>,
}

impl Client {
    pub fn connect(address: &str) -> Self {
        let stream = TcpStream::connect(address).expect("the server listens");
        stream.set_nodelay(true).expect("a socket of TCP");
        let reader = BufReader::with_capacity(BATCH_BYTES, stream.try_clone().expect("a socket"));
        let mut client = Self {
            reader,
            stream,
            batch: Vec::with_capacity(2 * BATCH_BYTES),
            line: String::new(),
            payload: Vec::new(),
        };
        client.expect("INFO");
        client.batch.extend(b"CONNECT {\"verbose\":false}\r\n");
        client
    }

    /// The server knows of it on return.
    pub fn subscribe(&mut self, topic: usize) {
        write!(self.batch, "SUB {} 1\r\nPING\r\n", topic_name(topic)).expect("memory");
        self.flush();
        self.expect("PONG");
    }

    /// Gathers messages, and writes them when there are many.
    pub fn publish(&mut self, topic: usize, payload: &[u8]) {
        write!(
            self.batch,
            "PUB {} {}\r\n",
            topic_name(topic),
            payload.len()
        )
        .expect("memory");
        self.batch.extend(payload);
        self.batch.extend(b"\r\n");
        if self.batch.len() >= BATCH_BYTES {
            self.flush();
        }
    }

    pub fn flush(&mut self) {
        self.stream
            .write_all(&self.batch)
            .expect("the server reads");
        self.batch.clear();
    }

    /// The next message.
    pub fn receive(&mut self) -> &[u8] {
        loop {
            self.read_line();
            if let Some(head) = self.line.strip_prefix("MSG ") {
                let len = head.trim_end().rsplit(' ').next();
                let len: usize = len.and_then(|len| len.parse().ok()).expect("a length");
                self.payload.resize(len + 2, 0);
                self.reader
                    .read_exact(&mut self.payload)
                    .expect("the payload, and the end of its line");
                return &self.payload[..len];
            }
            assert!(self.line.starts_with("PING"), "told {:?}", self.line);
            self.batch.extend(b"PONG\r\n");
            self.flush();
        }
    }

    fn expect(&mut self, word: &str) {
        self.read_line();
        assert!(self.line.starts_with(word), "told {:?}", self.line);
    }

    /// A server that gives a slow client up closes its connection, and with that the measurement fails.
    fn read_line(&mut self) {
        self.line.clear();
        let read = self.reader.read_line(&mut self.line).expect("the server");
        assert!(read > 0, "the server has closed the connection");
    }
}
