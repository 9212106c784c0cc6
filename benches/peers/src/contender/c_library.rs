//! The C library, loaded as a program would load it, and the functions of `serverlink.h` that are used here.

use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::path::Path;
use std::sync::OnceLock;

macro_rules! functions {
    ($($name:ident($($argument:ty),*) $(-> $result:ty)?;)+) => {
        pub struct Library { $(pub $name: unsafe extern "C" fn($($argument),*) $(-> $result)?,)+ }

        impl Library {
            fn load(path: &Path) -> Self {
                let file = CString::new(path.as_os_str().as_encoded_bytes()).expect("a path");
                // SAFETY: loading runs initialisers of a library of ours.
                let handle = unsafe { libc::dlopen(file.as_ptr(), libc::RTLD_NOW) };
                assert!(!handle.is_null(), "{} cannot be loaded; cargo build --release -p serverlink-capi", path.display());
                Self { $($name: {
                    let symbol = CString::new(stringify!($name)).expect("a name");
                    // SAFETY: the handle is valid, the name ends with NUL.
                    let address = unsafe { libc::dlsym(handle, symbol.as_ptr()) };
                    assert!(!address.is_null(), "the library lacks {}", stringify!($name));
                    // SAFETY: the header declares the function with this type.
                    unsafe { std::mem::transmute::<*mut c_void, unsafe extern "C" fn($($argument),*) $(-> $result)?>(address) }
                },)+ }
            }
        }
    };
}

functions! {
    slk_errmsg() -> *const c_char;
    slk_errno() -> c_int;
    slk_ctx_new() -> *mut c_void;
    slk_ctx_set(*mut c_void, c_int, *const c_void, usize) -> c_int;
    slk_spot_new(*mut c_void) -> *mut c_void;
    slk_spot_setsockopt(*mut c_void, c_int, *const c_void, usize) -> c_int;
    slk_spot_getsockopt(*mut c_void, c_int, *mut c_void, *mut usize) -> c_int;
    slk_spot_bind(*mut c_void, *const c_char) -> c_int;
    slk_spot_cluster_add(*mut c_void, *const c_char) -> c_int;
    slk_spot_cluster_sync(*mut c_void, c_int) -> c_int;
    slk_spot_topic_create(*mut c_void, *const c_char) -> c_int;
    slk_spot_subscribe(*mut c_void, *const c_char) -> c_int;
    slk_spot_subscribe_pattern(*mut c_void, *const c_char) -> c_int;
    slk_spot_wait_subscribed(*mut c_void, *const c_char, c_int) -> c_int;
    slk_spot_wait_subscribers(*mut c_void, *const c_char, c_int, c_int) -> c_int;
    slk_spot_publish(*mut c_void, *const c_char, *const c_void, usize) -> c_int;
    slk_spot_publisher_new(*mut c_void, *const c_char) -> *mut c_void;
    slk_spot_publisher_publish(*mut c_void, *const c_void, usize) -> c_int;
    slk_spot_recv(*mut c_void, *mut c_char, usize, *mut usize, *mut c_void, usize, *mut usize, c_int) -> c_int;
    slk_spot_stats(*mut c_void, *const c_char, *mut Stats, usize) -> c_int;
}

pub const LAST_ENDPOINT: c_int = 32;
pub const MAX_SOCKETS: c_int = 2;
pub const RELAY: c_int = 201;
pub const OVERFLOW: c_int = 203;
pub const OVERFLOW_DROP_NEWEST: c_int = 0;
pub const OVERFLOW_BLOCK: c_int = 2;
pub const EHOSTUNREACH: c_int = 10;

/// The beginning of `slk_stats_t`.
#[repr(C)]
#[derive(Debug, Default)]
pub struct Stats {
    pub published_messages: u64,
    pub published_bytes: u64,
    pub received_messages: u64,
    pub received_bytes: u64,
    pub dropped_at_receiver: u64,
    pub dropped_at_sender: u64,
    pub missed_messages: u64,
    pub duplicates_refused: u64,
}

impl Library {
    /// A process uses one library.
    pub fn at(path: &Path) -> &'static Self {
        static LIBRARY: OnceLock<Library> = OnceLock::new();
        LIBRARY.get_or_init(|| Self::load(path))
    }

    /// # Panics
    /// With what the library says, unless the call returned 0.
    #[track_caller]
    pub fn check(&self, returned: c_int) {
        if returned != 0 {
            // SAFETY: the text is valid until this thread's next call that fails.
            let text = unsafe { CStr::from_ptr((self.slk_errmsg)()) };
            panic!("{}", text.to_string_lossy());
        }
    }
}
