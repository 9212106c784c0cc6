//! Lists that are mostly empty, where there are very many of them.

use std::ops::{Deref, DerefMut};

/// A list that takes one word while nothing was ever put into it.
#[derive(Debug)]
#[expect(clippy::box_collection, reason = "the list itself is three words")]
pub struct Seldom<T>(Option<Box<Vec<T>>>);

impl<T> Default for Seldom<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<T> Seldom<T> {
    /// Adds an item.
    pub fn push(&mut self, item: T) {
        self.0.get_or_insert_default().push(item);
    }

    /// Takes an item out, and puts the last one in its place.
    ///
    /// # Panics
    /// If there is none at `index`.
    pub fn swap_remove(&mut self, index: usize) -> T {
        let list = self.0.as_mut().expect("it has items");
        list.swap_remove(index)
    }

    /// Keeps the items for which `keep` says so.
    pub fn retain(&mut self, keep: impl FnMut(&T) -> bool) {
        if let Some(list) = &mut self.0 {
            list.retain(keep);
        }
    }

    /// Takes all items.
    #[must_use]
    pub fn take(&mut self) -> Vec<T> {
        self.0.take().map_or_else(Vec::new, |list| *list)
    }
}

impl<T> Deref for Seldom<T> {
    type Target = [T];

    #[inline]
    fn deref(&self) -> &[T] {
        self.0.as_deref().map_or(&[], Vec::as_slice)
    }
}

impl<T> DerefMut for Seldom<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        self.0.as_deref_mut().map_or(&mut [], Vec::as_mut_slice)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_list_takes_a_word() {
        assert_eq!(size_of::<Seldom<u8>>(), size_of::<usize>());
        let mut list = Seldom::default();
        list.retain(|_: &u8| false);
        assert!(list.is_empty() && list.take().is_empty());
        list.push(1);
        list.push(2);
        assert_eq!(*list, [1, 2]);
        assert_eq!(list.swap_remove(0), 1);
        assert_eq!(list.take(), [2]);
    }
}
