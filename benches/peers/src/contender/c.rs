//! Ours, through the C API, as a C program calls it: names end with NUL, data is copied into buffers of the caller.

use std::ffi::{CStr, CString, c_int, c_void};
use std::ptr::null;

use bench_child::{Contender, Filters, Overflow, Spec, WAIT, topic_name};

use super::c_library::{self as library, Library, Stats};
use super::{payload, stamp, stamped};

const WAIT_MS: c_int = WAIT.as_millis() as c_int;

/// A handle, which any thread may use.
#[derive(Clone, Copy)]
struct Handle(*mut c_void);

// SAFETY: "every handle may be used from any number of threads at once", says the header.
unsafe impl Send for Handle {}

pub struct Station {
    library: &'static Library,
    context: Handle,
    spot: Handle,
    spec: Spec,
}

pub struct Sender {
    library: &'static Library,
    spot: Handle,
    names: Vec<CString>,
    /// Empty if publishing is by name.
    publishers: Vec<Handle>,
    payload: Vec<u8>,
}

pub struct Receiver {
    library: &'static Library,
    spot: Handle,
    data: Vec<u8>,
}

impl Station {
    pub fn new(spec: &Spec) -> Self {
        let library = Library::at(&spec.library);
        // SAFETY: all calls below pass handles, texts and lengths as the header wants them.
        let context = unsafe { (library.slk_ctx_new)() };
        let most: c_int = 10_000;
        library.check(unsafe {
            (library.slk_ctx_set)(
                context,
                library::MAX_SOCKETS,
                (&raw const most).cast(),
                size_of::<c_int>(),
            )
        });
        Self::within(library, Handle(context), spec)
    }

    pub fn sibling(&self) -> Self {
        Self::within(self.library, self.context, &self.spec)
    }

    fn within(library: &'static Library, context: Handle, spec: &Spec) -> Self {
        let spot = Handle(unsafe { (library.slk_spot_new)(context.0) });
        assert!(!spot.0.is_null(), "an instance");
        Self {
            library,
            context,
            spot,
            spec: spec.clone(),
        }
    }

    fn set(&self, option: c_int, value: c_int) {
        let value = (&raw const value).cast();
        let set = self.library.slk_spot_setsockopt;
        self.library
            .check(unsafe { set(self.spot.0, option, value, size_of::<c_int>()) });
    }

    pub fn bind(&mut self) -> String {
        let endpoint = match self.spec.bind.as_str() {
            "" => c"tcp://127.0.0.1:0".to_owned(),
            given => text(given),
        };
        let mut actual = [0_u8; 256];
        let mut len = actual.len();
        let library = self.library;
        library.check(unsafe { (library.slk_spot_bind)(self.spot.0, endpoint.as_ptr()) });
        library.check(unsafe {
            (library.slk_spot_getsockopt)(
                self.spot.0,
                library::LAST_ENDPOINT,
                actual.as_mut_ptr().cast(),
                &mut len,
            )
        });
        let actual = CStr::from_bytes_until_nul(&actual).expect("a text");
        actual.to_str().expect("UTF-8").to_owned()
    }

    pub fn sender(&mut self, first_topic: usize) -> Sender {
        let library = self.library;
        let topics = first_topic..first_topic + self.spec.topics;
        let names: Vec<CString> = topics.map(|index| text(&topic_name(index))).collect();
        for name in &names {
            library.check(unsafe { (library.slk_spot_topic_create)(self.spot.0, name.as_ptr()) });
        }
        let resolved = match self.spec.contender {
            Contender::CResolved => &names[..],
            _ => &[],
        };
        let new = library.slk_spot_publisher_new;
        let publishers = resolved
            .iter()
            .map(|name| Handle(unsafe { new(self.spot.0, name.as_ptr()) }))
            .collect();
        Sender {
            library,
            spot: self.spot,
            names,
            publishers,
            payload: payload(self.spec.size),
        }
    }

    pub fn connect(&mut self, endpoints: &[String]) {
        let library = self.library;
        for endpoint in endpoints {
            let endpoint = text(endpoint);
            library
                .check(unsafe { (library.slk_spot_cluster_add)(self.spot.0, endpoint.as_ptr()) });
        }
        library.check(unsafe { (library.slk_spot_cluster_sync)(self.spot.0, WAIT_MS) });
    }

    pub fn receiver(&mut self, filters: &[String]) -> Receiver {
        let library = self.library;
        self.set(
            library::OVERFLOW,
            match self.spec.overflow {
                Overflow::Block => library::OVERFLOW_BLOCK,
                Overflow::DropNewest => library::OVERFLOW_DROP_NEWEST,
            },
        );
        for filter in filters {
            let (subscribe, filter) = match self.spec.filters {
                Filters::Exact => (library.slk_spot_subscribe, text(filter)),
                Filters::Pattern => (
                    library.slk_spot_subscribe_pattern,
                    text(&format!("{filter}*")),
                ),
            };
            library.check(unsafe { subscribe(self.spot.0, filter.as_ptr()) });
        }
        library.check(unsafe { (library.slk_spot_wait_subscribed)(self.spot.0, null(), WAIT_MS) });
        Receiver {
            library,
            spot: self.spot,
            data: vec![0; self.spec.size.max(8) + 1],
        }
    }

    pub fn hub(&mut self) -> (String, String) {
        self.set(library::RELAY, 1);
        let endpoint = self.bind();
        (endpoint.clone(), endpoint)
    }
}

impl Sender {
    pub fn wait_subscribers(&mut self, count: usize) {
        let wait = self.library.slk_spot_wait_subscribers;
        for name in &self.names {
            let there = unsafe { wait(self.spot.0, name.as_ptr(), count as c_int, WAIT_MS) };
            self.library.check(there);
        }
    }

    #[inline]
    pub fn send(&mut self, topic: usize, number: u64) {
        stamp(&mut self.payload, number);
        let (data, len) = (self.payload.as_ptr().cast(), self.payload.len());
        let library = self.library;
        let sent = match self.publishers.get(topic) {
            Some(publisher) => unsafe {
                (library.slk_spot_publisher_publish)(publisher.0, data, len)
            },
            None => unsafe {
                (library.slk_spot_publish)(self.spot.0, self.names[topic].as_ptr(), data, len)
            },
        };
        library.check(sent);
    }
}

impl Receiver {
    #[inline]
    pub fn receive(&mut self) -> u64 {
        let mut topic = [0; 256];
        let (mut topic_len, mut data_len) = (0, 0);
        let library = self.library;
        loop {
            let received = unsafe {
                (library.slk_spot_recv)(
                    self.spot.0,
                    topic.as_mut_ptr(),
                    topic.len(),
                    &mut topic_len,
                    self.data.as_mut_ptr().cast(),
                    self.data.len(),
                    &mut data_len,
                    0,
                )
            };
            if received == 0 {
                return stamped(&self.data[..data_len], self.data.len() - 1);
            }
            // That the publisher was lost is told once; the messages come first.
            if unsafe { (library.slk_errno)() } != library::EHOSTUNREACH {
                library.check(received);
            }
        }
    }

    pub fn missed(&self) -> u64 {
        let mut stats = Stats::default();
        let library = self.library;
        library.check(unsafe {
            (library.slk_spot_stats)(self.spot.0, null(), &mut stats, size_of::<Stats>())
        });
        stats.dropped_at_receiver + stats.missed_messages
    }
}

fn text(given: &str) -> CString {
    CString::new(given).expect("no NUL inside")
}
