//! SPOT instances: one node and one subscriber, started when first needed.

use std::ffi::{c_int, c_void};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::LocalKey;

use serverlink::{Node, Options, Subscriber};

use crate::args;
use crate::context::Context;
use crate::failure::Failure;
use crate::fence;
use crate::handles::{self, Cache, Cached, Object, Table, Tables};
use crate::monitor::Monitor;
use crate::options::{self, Reader, Value};

/// Longest node name in bytes.
const MAX_NAME_BYTES: usize = serverlink::limits::MAX_NODE_NAME_BYTES;

/// What a `slk_spot_t` stands for.
pub(crate) struct Spot {
    open: AtomicBool,
    owner: Arc<Context>,
    /// Also held while the node starts, so that it starts once and with settings that hold still.
    settings: Mutex<Settings>,
    running: OnceLock<Running>,
    pub(crate) monitor: Monitor,
}

struct Settings {
    /// There until the node starts, or need not start any more.
    context: Option<serverlink::Context>,
    name: Option<String>,
    options: Options,
}

/// What there is once the node has started.
pub(crate) struct Running {
    pub(crate) node: Node,
    pub(crate) subscriber: Subscriber,
}

/// The instance of a handle.
pub(crate) fn get(spot: *mut c_void) -> Result<Arc<Spot>, Failure> {
    handles::get(spot as usize)
}

/// Runs `body` on what runs behind a handle; for calls at the rate of messages.
#[inline]
pub(crate) fn status(
    spot: *mut c_void,
    body: impl FnOnce(&Running) -> Result<(), Failure>,
) -> c_int {
    handles::status(spot as usize, |spot: &Spot| body(spot.running()?))
}

impl Spot {
    fn new(owner: Arc<Context>, context: serverlink::Context) -> Self {
        let settings = Settings {
            context: Some(context),
            name: None,
            options: defaults(),
        };
        Self {
            open: AtomicBool::new(true),
            owner,
            settings: Mutex::new(settings),
            running: OnceLock::new(),
            monitor: Monitor::default(),
        }
    }

    /// The node and its subscriber; started if they are not yet.
    #[inline]
    pub(crate) fn running(&self) -> Result<&Running, Failure> {
        match self.running.get() {
            Some(running) => Ok(running),
            None => self.start(),
        }
    }

    /// Lets no call start anything any more.
    pub(crate) fn refuse(&self) {
        self.open.store(false, Ordering::Release);
        self.monitor.refuse();
    }

    /// Closes the node, which wakes its blocked calls, and waits for the monitor.
    pub(crate) fn close(&self) {
        self.refuse();
        // Whoever is starting the node right now finishes first.
        self.settings().context = None;
        if let Some(running) = self.running.get() {
            running.node.close();
        }
        self.monitor.join();
    }

    #[cold]
    fn start(&self) -> Result<&Running, Failure> {
        let mut settings = self.settings();
        if let Some(running) = self.running.get() {
            return Ok(running);
        }
        let context = settings
            .context
            .as_ref()
            .filter(|_| self.is_open())
            .ok_or(Failure::destroyed())?;
        let mut builder = context
            .node()
            .options(|options| *options = settings.options.clone());
        if let Some(name) = &settings.name {
            builder = builder.name(name.as_str());
        }
        let node = builder.start()?;
        let subscriber = node.subscriber();
        settings.context = None;
        Ok(self.running.get_or_init(|| Running { node, subscriber }))
    }

    fn set_option(&self, option: c_int, value: Value<'_>) -> Result<(), Failure> {
        if option == options::SPOT_NODE_NAME {
            return self.set_name(value.text(1..=MAX_NAME_BYTES)?);
        }
        self.configure(|options| options::set(options, option, value))
    }

    /// A node cannot change its name, so this is for before it starts.
    fn set_name(&self, name: &str) -> Result<(), Failure> {
        let mut settings = self.settings();
        if self.running.get().is_some() {
            return Err(Failure::invalid(format_args!(
                "the node has started and keeps its name: set SLK_SPOT_NODE_NAME to {name:?} before other calls"
            )));
        }
        settings.name = Some(name.to_owned());
        Ok(())
    }

    /// Changes options, here and in the node if it runs. When a change is refused nothing has changed.
    pub(crate) fn configure(
        &self,
        change: impl FnOnce(&mut Options) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let mut settings = self.settings();
        let mut options = settings.options.clone();
        change(&mut options)?;
        if let Some(running) = self.running.get() {
            running
                .node
                .configure(|current| *current = options.clone())?;
            running
                .subscriber
                .configure(|current| *current = options.subscriber.clone())?;
        }
        settings.options = options;
        Ok(())
    }

    fn get_option(&self, option: c_int, reader: Reader) -> Result<(), Failure> {
        match option {
            options::ROUTING_ID => reader.bytes(&self.running()?.node.id().0),
            options::LAST_ENDPOINT => {
                let endpoint = self
                    .running
                    .get()
                    .and_then(|running| running.node.last_endpoint());
                reader.text(endpoint.as_deref().unwrap_or_default())
            }
            options::SPOT_NODE_NAME => {
                reader.text(self.settings().name.as_deref().unwrap_or_default())
            }
            _ => options::get(&self.settings().options, option, reader),
        }
    }

    fn settings(&self) -> MutexGuard<'_, Settings> {
        self.settings.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The defaults, except that losses are not received: C learns of them from the monitor and the counters.
fn defaults() -> Options {
    let mut options = Options::default();
    options.subscriber.tell_gaps = false;
    options
}

thread_local! {
    static CACHE: Cache<Spot> = const { Cache::new() };
}

impl Object for Spot {
    const KIND: usize = 2;
    const NAME: &'static str = "slk_spot_t";

    fn table(tables: &Tables) -> &Table<Self> {
        &tables.spots
    }

    #[inline]
    fn is_open(&self) -> bool {
        self.open.load(Ordering::Acquire)
    }
}

impl Cached for Spot {
    #[inline]
    fn cache() -> &'static LocalKey<Cache<Self>> {
        &CACHE
    }
}

#[unsafe(no_mangle)]
extern "C" fn slk_spot_new(ctx: *mut c_void) -> *mut c_void {
    fence::handle(|| {
        let owner = handles::get::<Context>(ctx as usize)?;
        let handle =
            owner.admit(|context| handles::insert(Arc::new(Spot::new(owner.clone(), context))))?;
        Ok(handle as *mut c_void)
    })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn slk_spot_destroy(spot: *mut *mut c_void) {
    fence::status(|| {
        let place = args::place(spot, "spot of slk_spot_destroy")?;
        // SAFETY: the caller's variable.
        let handle = unsafe { place.replace(std::ptr::null_mut()) } as usize;
        let spot = handles::remove_cached::<Spot>(handle)
            .ok_or_else(|| handles::refused::<Spot>(handle))?;
        spot.close();
        spot.owner.dismiss(handle);
        Ok(())
    });
}

#[unsafe(no_mangle)]
unsafe extern "C" fn slk_spot_setsockopt(
    spot: *mut c_void,
    option: c_int,
    value: *const c_void,
    len: usize,
) -> c_int {
    fence::status(|| {
        let spot = get(spot)?;
        // SAFETY: the caller's value of so many bytes.
        spot.set_option(option, unsafe { Value::new(option, value, len)? })
    })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn slk_spot_getsockopt(
    spot: *mut c_void,
    option: c_int,
    value: *mut c_void,
    len: *mut usize,
) -> c_int {
    fence::status(|| {
        let spot = get(spot)?;
        // SAFETY: the caller's buffer and its size.
        spot.get_option(option, unsafe { Reader::new(option, value, len)? })
    })
}

#[unsafe(no_mangle)]
extern "C" fn slk_spot_set_hwm(spot: *mut c_void, sndhwm: c_int, rcvhwm: c_int) -> c_int {
    fence::status(|| {
        let send = args::count(sndhwm, "sndhwm of slk_spot_set_hwm")?;
        let receive = args::count(rcvhwm, "rcvhwm of slk_spot_set_hwm")?;
        get(spot)?.configure(|options| {
            options.send_hwm = send;
            options.subscriber.hwm = receive;
            Ok(())
        })
    })
}
