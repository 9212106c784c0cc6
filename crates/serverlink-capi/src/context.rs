//! Contexts and their options.

use std::ffi::{c_int, c_void};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::errno::Errno;
use crate::failure::Failure;
use crate::fence;
use crate::handles::{self, Object, Table, Tables};
use crate::options::{self, Reader, Value};
use crate::spot;

const IO_THREADS: c_int = 1;
const MAX_SOCKETS: c_int = 2;
const THREAD_NAME_PREFIX: c_int = 10;

const MAX_IO_THREADS: c_int = 64;
/// What the system shows of a thread's name leaves no room for more beside a number.
const MAX_PREFIX_BYTES: usize = 12;

/// What a `slk_ctx_t` stands for.
pub(crate) struct Context {
    open: AtomicBool,
    state: Mutex<State>,
}

struct State {
    settings: Settings,
    /// There from the first instance on; until then the settings may change.
    running: Option<serverlink::Context>,
    /// Handles of the instances.
    spots: Vec<usize>,
}

struct Settings {
    io_threads: c_int,
    max_spots: c_int,
    thread_name_prefix: String,
}

impl Context {
    fn new() -> Self {
        let settings = Settings {
            io_threads: 1,
            max_spots: 1023,
            thread_name_prefix: String::from("spot"),
        };
        let state = State {
            settings,
            running: None,
            spots: Vec::new(),
        };
        Self {
            open: AtomicBool::new(true),
            state: Mutex::new(state),
        }
    }

    /// Makes room for an instance: `register` gets the running context and returns the handle.
    pub(crate) fn admit(
        &self,
        register: impl FnOnce(serverlink::Context) -> Result<usize, Failure>,
    ) -> Result<usize, Failure> {
        let mut state = self.state();
        if !self.is_open() {
            return Err(Failure::destroyed());
        }
        if state.spots.len() >= usize::try_from(state.settings.max_spots).unwrap_or(0) {
            let says = format_args!(
                "the context holds {} instances already: destroy one, or raise SLK_MAX_SOCKETS",
                state.spots.len()
            );
            return Err(Failure::new(Errno::EMFILE, says));
        }
        let running = match &state.running {
            Some(running) => running.clone(),
            None => state.settings.start()?,
        };
        state.running = Some(running.clone());
        let handle = register(running)?;
        state.spots.push(handle);
        Ok(handle)
    }

    /// Forgets an instance that is gone.
    pub(crate) fn dismiss(&self, handle: usize) {
        self.state().spots.retain(|spot| *spot != handle);
    }

    /// Destroys the instances, all at once so that their lingers run side by side, and refuses new ones.
    fn close(&self) {
        self.open.store(false, Ordering::Release);
        let (spots, running) = {
            let mut state = self.state();
            (std::mem::take(&mut state.spots), state.running.take())
        };
        let spots: Vec<_> = spots
            .into_iter()
            .filter_map(handles::remove_cached::<spot::Spot>)
            .collect();
        spots.iter().for_each(|spot| spot.refuse());
        if let Some(running) = running {
            running.close();
        }
        spots.iter().for_each(|spot| spot.close());
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Settings {
    fn start(&self) -> Result<serverlink::Context, Failure> {
        let context = serverlink::Context::builder()
            .io_threads(usize::try_from(self.io_threads).unwrap_or(1))
            .max_nodes(usize::try_from(self.max_spots).unwrap_or(1))
            .thread_name_prefix(self.thread_name_prefix.as_str())
            .build()?;
        Ok(context)
    }

    fn set(&mut self, option: c_int, value: Value<'_>) -> Result<(), Failure> {
        match option {
            IO_THREADS => self.io_threads = value.int(1..=MAX_IO_THREADS)?,
            MAX_SOCKETS => self.max_spots = value.int(1..=c_int::MAX)?,
            THREAD_NAME_PREFIX => {
                self.thread_name_prefix = value.text(1..=MAX_PREFIX_BYTES)?.to_owned()
            }
            _ => return Err(options::unknown(option, "a context")),
        }
        Ok(())
    }

    fn get(&self, option: c_int, reader: Reader) -> Result<(), Failure> {
        match option {
            IO_THREADS => reader.int(self.io_threads),
            MAX_SOCKETS => reader.int(self.max_spots),
            THREAD_NAME_PREFIX => reader.text(&self.thread_name_prefix),
            _ => Err(options::unknown(option, "a context")),
        }
    }
}

impl Object for Context {
    const KIND: usize = 1;
    const NAME: &'static str = "slk_ctx_t";

    fn table(tables: &Tables) -> &Table<Self> {
        &tables.contexts
    }

    fn is_open(&self) -> bool {
        self.open.load(Ordering::Acquire)
    }
}

#[unsafe(no_mangle)]
extern "C" fn slk_ctx_new() -> *mut c_void {
    fence::handle(|| handles::insert(Arc::new(Context::new())).map(|handle| handle as *mut c_void))
}

#[unsafe(no_mangle)]
extern "C" fn slk_ctx_destroy(ctx: *mut c_void) {
    fence::status(|| {
        if let Some(context) = handles::remove::<Context>(ctx as usize) {
            context.close();
        }
        Ok(())
    });
}

#[unsafe(no_mangle)]
unsafe extern "C" fn slk_ctx_set(
    ctx: *mut c_void,
    option: c_int,
    value: *const c_void,
    len: usize,
) -> c_int {
    fence::status(|| {
        let context = handles::get::<Context>(ctx as usize)?;
        // SAFETY: the caller's value of so many bytes.
        let value = unsafe { Value::new(option, value, len)? };
        let mut state = context.state();
        if state.running.is_some() {
            return Err(Failure::invalid(format_args!(
                "option {option} of a context is fixed once it has had an instance: set it right after slk_ctx_new"
            )));
        }
        state.settings.set(option, value)
    })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn slk_ctx_get(
    ctx: *mut c_void,
    option: c_int,
    value: *mut c_void,
    len: *mut usize,
) -> c_int {
    fence::status(|| {
        let context = handles::get::<Context>(ctx as usize)?;
        // SAFETY: the caller's buffer and its size.
        let reader = unsafe { Reader::new(option, value, len)? };
        context.state().settings.get(option, reader)
    })
}
