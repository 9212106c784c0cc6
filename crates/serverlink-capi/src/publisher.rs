//! Publishing, by name and on a topic resolved once.

use std::ffi::{c_char, c_int, c_void};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::LocalKey;

use crate::failure::Failure;
use crate::handles::{self, Cache, Cached, Object, Table, Tables};
use crate::{args, fence, spot};

/// What a `slk_spot_publisher_t` stands for.
pub(crate) struct Publisher {
    open: AtomicBool,
    topic: serverlink::Publisher,
}

/// `slk_buf_t`.
#[repr(C)]
struct Buf {
    data: *const c_void,
    len: usize,
}

thread_local! {
    static CACHE: Cache<Publisher> = const { Cache::new() };
}

impl Object for Publisher {
    const KIND: usize = 3;
    const NAME: &'static str = "slk_spot_publisher_t";

    fn table(tables: &Tables) -> &Table<Self> {
        &tables.publishers
    }

    #[inline]
    fn is_open(&self) -> bool {
        self.open.load(Ordering::Acquire)
    }
}

impl Cached for Publisher {
    #[inline]
    fn cache() -> &'static LocalKey<Cache<Self>> {
        &CACHE
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn slk_spot_publish(
    spot: *mut c_void,
    topic: *const c_char,
    data: *const c_void,
    len: usize,
) -> c_int {
    spot::status(spot, |running| {
        // SAFETY: the caller's text and bytes.
        let (name, data) = unsafe {
            (
                args::text_bytes(topic, "topic of slk_spot_publish")?,
                args::bytes(data, len, "data of slk_spot_publish")?,
            )
        };
        match running.node.publish_known(name, data) {
            Some(published) => Ok(published?),
            None => publish_any(running, name, data),
        }
    })
}

#[inline(never)]
fn publish_any(running: &spot::Running, name: &[u8], data: &[u8]) -> Result<(), Failure> {
    let topic = args::utf8(name, "topic of slk_spot_publish")?;
    Ok(running.node.publish(topic, data)?)
}

#[unsafe(no_mangle)]
unsafe extern "C" fn slk_spot_publish_many(
    spot: *mut c_void,
    topic: *const c_char,
    messages: *const Buf,
    count: usize,
    published: *mut usize,
) -> c_int {
    // SAFETY: NULL or the caller's place.
    unsafe { args::put(published, 0) };
    spot::status(spot, |running| {
        // SAFETY: the caller's text.
        let topic = unsafe { args::text(topic, "topic of slk_spot_publish_many")? };
        let publisher = running.node.publisher(topic)?;
        let what = "messages of slk_spot_publish_many";
        // SAFETY: the caller's array and place.
        unsafe { publish_many(&publisher, messages, count, published, what) }
    })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn slk_spot_publisher_new(
    spot: *mut c_void,
    topic: *const c_char,
) -> *mut c_void {
    fence::handle(|| {
        let spot = spot::get(spot)?;
        // SAFETY: the caller's text.
        let topic = spot
            .running()?
            .node
            .publisher(unsafe { args::text(topic, "topic of slk_spot_publisher_new")? })?;
        let publisher = Arc::new(Publisher {
            open: AtomicBool::new(true),
            topic,
        });
        Ok(handles::insert(publisher)? as *mut c_void)
    })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn slk_spot_publisher_publish(
    publisher: *mut c_void,
    data: *const c_void,
    len: usize,
) -> c_int {
    handles::status(publisher as usize, |publisher: &Publisher| {
        // SAFETY: the caller's bytes.
        let data = unsafe { args::bytes(data, len, "data of slk_spot_publisher_publish")? };
        Ok(publisher.topic.publish(data)?)
    })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn slk_spot_publisher_publish_many(
    publisher: *mut c_void,
    messages: *const Buf,
    count: usize,
    published: *mut usize,
) -> c_int {
    // SAFETY: NULL or the caller's place.
    unsafe { args::put(published, 0) };
    handles::status(publisher as usize, |publisher: &Publisher| {
        let what = "messages of slk_spot_publisher_publish_many";
        // SAFETY: the caller's array and place.
        unsafe { publish_many(&publisher.topic, messages, count, published, what) }
    })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn slk_spot_publisher_destroy(publisher: *mut *mut c_void) {
    fence::status(|| {
        let place = args::place(publisher, "publisher of slk_spot_publisher_destroy")?;
        // SAFETY: the caller's variable.
        let handle = unsafe { place.replace(std::ptr::null_mut()) } as usize;
        let publisher = handles::remove_cached::<Publisher>(handle)
            .ok_or_else(|| handles::refused::<Publisher>(handle))?;
        publisher.open.store(false, Ordering::Release);
        Ok(())
    });
}

/// # Safety
/// `messages` has `count` elements, each with its bytes; `published` is NULL or can be written to.
unsafe fn publish_many(
    publisher: &serverlink::Publisher,
    messages: *const Buf,
    count: usize,
    published: *mut usize,
    what: &str,
) -> Result<(), Failure> {
    // SAFETY: the caller vouches for the array and for what its elements point to.
    let messages = unsafe { slices(messages, count, what)? };
    let (accepted, result) = publisher.publish_many(messages);
    // SAFETY: the caller vouches for it.
    unsafe { args::put(published, accepted) };
    Ok(result?)
}

/// # Safety
/// `messages` has `count` elements, each with its bytes, during `'a`.
unsafe fn slices<'a>(
    messages: *const Buf,
    count: usize,
    what: &str,
) -> Result<Vec<&'a [u8]>, Failure> {
    if count == 0 {
        return Ok(Vec::new());
    }
    let messages = args::place(messages.cast_mut(), what)?;
    if count > isize::MAX as usize / size_of::<Buf>() {
        return Err(Failure::invalid(format_args!(
            "{what} are said to be {count}: no array is that long"
        )));
    }
    // SAFETY: not NULL, no longer than an array may be; the caller vouches for the rest.
    let messages = unsafe { std::slice::from_raw_parts(messages.as_ptr(), count) };
    // SAFETY: the caller vouches for it.
    messages
        .iter()
        .enumerate()
        .map(|(index, buf)| unsafe {
            let what = format_args!("the data of number {index} in {what}");
            args::bytes(buf.data, buf.len, what)
        })
        .collect()
}
