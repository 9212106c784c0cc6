//! Lists given to C: one allocation with the records and, behind them, the texts they point to. Freeing is then one
//! call that cannot go wrong over a count.

use std::ffi::{c_char, c_void};
use std::mem::{align_of, size_of};

use crate::errno::Errno;
use crate::failure::Failure;

const NO_MEMORY: Failure = Failure::fixed(Errno::ENOMEM, c"no memory for the list");

/// A block under construction.
pub(crate) struct Block<T> {
    records: *mut T,
    text_at: *mut u8,
    text_left: usize,
}

impl<T> Block<T> {
    /// A block for `count` records and texts of `text_bytes` bytes in all, one NUL for each included.
    pub(crate) fn new(count: usize, text_bytes: usize) -> Result<Self, Failure> {
        // malloc aligns for every fundamental type, which is all that records for C consist of.
        const { assert!(align_of::<T>() <= align_of::<libc::max_align_t>()) };
        let record_bytes = count.checked_mul(size_of::<T>()).ok_or(NO_MEMORY)?;
        let bytes = record_bytes.checked_add(text_bytes).ok_or(NO_MEMORY)?;
        // SAFETY: malloc takes any size; 0 is avoided because it may answer NULL.
        let start = unsafe { libc::malloc(bytes.max(1)) }.cast::<u8>();
        if start.is_null() {
            return Err(NO_MEMORY);
        }
        // SAFETY: within the allocation, which has record_bytes and more.
        let text_at = unsafe { start.add(record_bytes) };
        Ok(Self {
            records: start.cast(),
            text_at,
            text_left: text_bytes,
        })
    }

    /// Copies a text into the block and ends it with NUL. A NUL within ends it early for C, harmlessly.
    pub(crate) fn text(&mut self, text: &str) -> *mut c_char {
        assert!(
            text.len() < self.text_left,
            "the texts are longer than was said"
        );
        let start = self.text_at;
        // SAFETY: the assertion leaves room for the text and its NUL.
        unsafe {
            start.copy_from_nonoverlapping(text.as_ptr(), text.len());
            start.add(text.len()).write(0);
            self.text_at = start.add(text.len() + 1);
        }
        self.text_left -= text.len() + 1;
        start.cast()
    }

    /// Writes record `index`.
    ///
    /// # Safety
    /// `index` is below the count the block was made for.
    pub(crate) unsafe fn record(&mut self, index: usize, record: T) {
        // SAFETY: the caller vouches for it.
        unsafe { self.records.add(index).write(record) };
    }

    /// The finished block, to be freed with [`free`].
    pub(crate) fn finish(self) -> *mut T {
        self.records
    }
}

/// Frees a block; NULL is left alone.
///
/// # Safety
/// NULL, or what [`Block::finish`] gave, once.
pub(crate) unsafe fn free<T>(block: *mut T) {
    // SAFETY: the caller vouches for it, and malloc made it.
    unsafe { libc::free(block.cast::<c_void>()) };
}
