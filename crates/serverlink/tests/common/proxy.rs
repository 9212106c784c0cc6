//! A network that can be cut: a TCP relay in front of a node.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread;

/// Relays every connection made to it to one address.
pub struct Proxy {
    pub endpoint: String,
    address: SocketAddr,
    network: Arc<Network>,
}

struct Network {
    target: SocketAddr,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    weather: Weather,
    streams: Vec<TcpStream>,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Weather {
    #[default]
    Fair,
    /// Connections are closed as soon as they are made.
    Down,
    /// Connections stay open and carry nothing.
    Silent,
    Over,
}

impl Proxy {
    /// In front of a node's endpoint.
    pub fn before(endpoint: &str) -> Self {
        let target = endpoint.strip_prefix("tcp://").unwrap().parse().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let network = Arc::new(Network {
            target,
            state: Mutex::default(),
            changed: Condvar::new(),
        });
        let relaying = network.clone();
        thread::spawn(move || relaying.relay(&listener));
        Self {
            endpoint: format!("tcp://{address}"),
            address,
            network,
        }
    }

    /// Breaks every connection and refuses new ones.
    pub fn cut(&self) {
        self.network.turn(Weather::Down);
    }

    /// Carries nothing from now on, and says so to nobody.
    pub fn silence(&self) {
        self.network.turn(Weather::Silent);
    }

    /// Carries connections again.
    pub fn restore(&self) {
        self.network.turn(Weather::Fair);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.network.turn(Weather::Over);
        let _ = TcpStream::connect(self.address);
    }
}

impl Network {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    fn turn(&self, weather: Weather) {
        let mut state = self.lock();
        state.weather = weather;
        if matches!(weather, Weather::Down | Weather::Over) {
            for stream in state.streams.drain(..) {
                let _ = stream.shutdown(Shutdown::Both);
            }
        }
        self.changed.notify_all();
    }

    fn relay(self: &Arc<Self>, listener: &TcpListener) {
        for near in listener.incoming().flatten() {
            let mut state = self.lock();
            match state.weather {
                Weather::Over => return,
                Weather::Down => continue,
                Weather::Fair | Weather::Silent => {}
            }
            let Ok(far) = TcpStream::connect(self.target) else {
                continue;
            };
            for (from, to) in [(&near, &far), (&far, &near)] {
                let _ = from.set_nodelay(true);
                let (from, to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
                let network = self.clone();
                thread::spawn(move || network.pump(from, to));
            }
            state.streams.extend([near, far]);
        }
    }

    fn pump(&self, mut from: TcpStream, mut to: TcpStream) {
        let mut buffer = vec![0; 64 * 1024];
        while let Ok(read @ 1..) = from.read(&mut buffer) {
            let mut state = self.lock();
            while state.weather == Weather::Silent {
                state = self.changed.wait(state).unwrap();
            }
            drop(state);
            if to.write_all(&buffer[..read]).is_err() {
                break;
            }
        }
        let _ = from.shutdown(Shutdown::Both);
        let _ = to.shutdown(Shutdown::Both);
    }
}
