//! What is kept of topics that were forgotten, because the link to their node was cut, so that what was missed shows when
//! they return.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

/// Forgotten topics kept; the oldest gives way, and its losses are not told then.
const MAX_FORGOTTEN: usize = 1024;

/// Something of each forgotten topic, by name.
#[derive(Debug)]
pub(crate) struct Forgotten<T> {
    kept: HashMap<Arc<str>, T>,
    oldest_first: VecDeque<Arc<str>>,
}

impl<T> Default for Forgotten<T> {
    fn default() -> Self {
        Self {
            kept: HashMap::new(),
            oldest_first: VecDeque::new(),
        }
    }
}

impl<T> Forgotten<T> {
    pub(crate) fn keep(&mut self, topic: &Arc<str>, what: T) {
        if self.kept.insert(topic.clone(), what).is_none() {
            self.oldest_first.push_back(topic.clone());
        }
        if self.oldest_first.len() > MAX_FORGOTTEN
            && let Some(oldest) = self.oldest_first.pop_front()
        {
            self.kept.remove(&oldest);
        }
    }

    /// The topic is back.
    pub(crate) fn take(&mut self, topic: &str) -> Option<T> {
        let what = self.kept.remove(topic)?;
        self.oldest_first.retain(|known| &**known != topic);
        Some(what)
    }

    /// All of them, the oldest first.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&Arc<str>, &T)> {
        let topics = self.oldest_first.iter();
        topics.filter_map(|topic| Some((topic, self.kept.get(topic)?)))
    }

    /// Forgets those that are not wanted any more.
    pub(crate) fn retain(&mut self, mut wanted: impl FnMut(&str, &mut T) -> bool) {
        self.kept.retain(|topic, what| wanted(topic, what));
        self.oldest_first
            .retain(|topic| self.kept.contains_key(topic));
    }
}
