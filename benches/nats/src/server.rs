//! The server of NATS, for as long as one measurement takes.

use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use bench_child::WAIT;

/// It gives a client up that has so much waiting; a fast publisher must not lose its subscriber to that.
const MAX_PENDING_BYTES: u64 = 4 << 30;

pub struct Server {
    child: Child,
    config: PathBuf,
    pub address: String,
}

impl Server {
    /// At a port that was free a moment ago.
    pub fn start() -> Self {
        let probe = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = probe.local_addr().expect("bound").port();
        drop(probe);
        let address = format!("127.0.0.1:{port}");
        let config = std::env::temp_dir().join(format!("peer-nats-{port}.conf"));
        let settings = format!(
            "listen: {address}\nmax_pending: {MAX_PENDING_BYTES}\nmax_payload: 8388608\nwrite_deadline: \"120s\"\n"
        );
        std::fs::write(&config, settings).expect("a file in the folder for temporary ones");
        let child = Command::new("nats-server")
            .arg("-c")
            .arg(&config)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("nats-server is installed");
        let server = Self {
            child,
            config,
            address,
        };
        let begun = Instant::now();
        while TcpStream::connect(&server.address).is_err() {
            assert!(begun.elapsed() < WAIT, "nats-server does not listen");
            std::thread::sleep(Duration::from_millis(5));
        }
        server
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_file(&self.config);
    }
}
