//! The topics a node knows: hosted, routed, discovered.

use std::hash::BuildHasher;
use std::sync::Arc;

use hashbrown::{DefaultHashBuilder, HashTable};
use smallvec::SmallVec;

use crate::identity::NodeId;
use crate::node::PeerId;

/// A topic's number within its node: an index into tables, and its alias on links. Reused after the topic is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TopicId(pub u32);

/// One known topic. A million of them must fit, so what most topics lack is behind one pointer.
#[derive(Debug)]
pub(crate) struct Topic {
    pub(crate) name: Arc<str>,
    pub(crate) hosted: bool,
    elsewhere: Option<Box<Elsewhere>>,
}

/// What is known of a topic's life outside this node.
#[derive(Debug, Default)]
pub(crate) struct Elsewhere {
    /// Peers it is explicitly routed to, the preferred one first.
    pub(crate) route: Option<Vec<PeerId>>,
    /// Nodes that offer it, in the order in which they told us.
    pub(crate) owners: SmallVec<[NodeId; 1]>,
    /// Plain ZeroMQ links that publish under its name; such a topic is heard but not listed.
    pub(crate) foreign_links: u32,
    /// Entries in the table of relayed streams.
    pub(crate) streams: u32,
}

impl Topic {
    pub(crate) fn elsewhere(&self) -> Option<&Elsewhere> {
        self.elsewhere.as_deref()
    }

    pub(crate) fn elsewhere_mut(&mut self) -> &mut Elsewhere {
        self.elsewhere.get_or_insert_default()
    }

    pub(crate) fn route(&self) -> Option<&[PeerId]> {
        self.elsewhere()?.route.as_deref()
    }

    pub(crate) fn owners(&self) -> &[NodeId] {
        self.elsewhere().map_or(&[], |elsewhere| &elsewhere.owners)
    }

    /// Whether it can be listed, published to and subscribed to.
    pub(crate) fn is_known(&self) -> bool {
        self.hosted || self.route().is_some() || !self.owners().is_empty()
    }

    fn is_unused(&self) -> bool {
        !self.is_known()
            && self
                .elsewhere()
                .is_none_or(|elsewhere| elsewhere.foreign_links == 0 && elsewhere.streams == 0)
    }
}

/// All topics, by number and by name.
#[derive(Debug, Default)]
pub(crate) struct Registry {
    topics: Vec<Option<Topic>>,
    free: Vec<u32>,
    by_name: HashTable<u32>,
    hasher: DefaultHashBuilder,
}

impl Registry {
    pub(crate) fn find(&self, name: &str) -> Option<TopicId> {
        let hash = self.hasher.hash_one(name);
        self.by_name
            .find(hash, |&id| self.name_is(id, name))
            .map(|&id| TopicId(id))
    }

    pub(crate) fn get(&self, id: TopicId) -> Option<&Topic> {
        self.topics.get(id.0 as usize)?.as_ref()
    }

    pub(crate) fn get_mut(&mut self, id: TopicId) -> Option<&mut Topic> {
        self.topics.get_mut(id.0 as usize)?.as_mut()
    }

    /// The topic of this name, made if need be, then with the name as it is `kept` elsewhere; says whether it was made.
    pub(crate) fn ensure<'a>(
        &mut self,
        name: &str,
        kept: impl FnOnce() -> Option<&'a Arc<str>>,
    ) -> (TopicId, bool) {
        match self.find(name) {
            Some(id) => (id, false),
            None => {
                let name = kept().cloned().unwrap_or_else(|| Arc::from(name));
                (self.insert(name), true)
            }
        }
    }

    /// Forgets the topic if nothing holds it any more; says whether it is gone.
    pub(crate) fn remove_if_unused(&mut self, id: TopicId) -> bool {
        let Some(topic) = self.get(id).filter(|topic| topic.is_unused()) else {
            return false;
        };
        let hash = self.hasher.hash_one(&*topic.name);
        if let Ok(entry) = self.by_name.find_entry(hash, |&known| known == id.0) {
            entry.remove();
        }
        self.topics[id.0 as usize] = None;
        self.free.push(id.0);
        true
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (TopicId, &Topic)> {
        let numbered = self.topics.iter().zip(0u32..);
        numbered.filter_map(|(topic, id)| Some((TopicId(id), topic.as_ref()?)))
    }

    pub(crate) fn len(&self) -> usize {
        self.by_name.len()
    }

    fn insert(&mut self, name: Arc<str>) -> TopicId {
        let hash = self.hasher.hash_one(&*name);
        let topic = Some(Topic {
            name,
            hosted: false,
            elsewhere: None,
        });
        let id = match self.free.pop() {
            Some(id) => {
                self.topics[id as usize] = topic;
                id
            }
            None => {
                self.topics.push(topic);
                u32::try_from(self.topics.len() - 1)
                    .expect("memory ends before four billion topics")
            }
        };
        let (topics, hasher) = (&self.topics, &self.hasher);
        let rehash = |&id: &u32| {
            let topic = topics[id as usize].as_ref().expect("listed by name");
            hasher.hash_one(&*topic.name)
        };
        self.by_name.insert_unique(hash, id, rehash);
        TopicId(id)
    }

    fn name_is(&self, id: u32, name: &str) -> bool {
        self.topics[id as usize]
            .as_ref()
            .is_some_and(|topic| &*topic.name == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_reused_only_when_nothing_holds_the_topic() {
        let mut registry = Registry::default();
        let (a, new) = registry.ensure("a", || None);
        assert!(new);
        registry.get_mut(a).unwrap().hosted = true;
        assert!(!registry.remove_if_unused(a));
        assert_eq!(registry.ensure("a", || None), (a, false));
        registry.get_mut(a).unwrap().hosted = false;
        assert!(registry.remove_if_unused(a));
        assert_eq!(registry.find("a"), None);
        assert_eq!(registry.ensure("b", || None), (a, true));
        assert_eq!(registry.len(), 1);
    }

    #[test]
    fn a_topic_entry_is_small() {
        assert!(size_of::<Option<Topic>>() <= 32);
    }
}
