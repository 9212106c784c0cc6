//! Who wants what: an index from filters to those who asked for them.

mod patterns;

use std::sync::Arc;

use hashbrown::HashMap;
use smallvec::SmallVec;

use crate::filter::Filter;
use crate::overflow::Class;
use patterns::Patterns;

/// The classes in which somebody wants a topic.
pub type Classes = SmallVec<[Class; 1]>;

/// Who wants by a filter, in which classes: a pair for each class, those of a target side by side. There may be as many
/// filters as topics, so that one target with one class takes no more than this.
type Wants<T> = SmallVec<[(T, Class); 1]>;

/// An index from filters to targets (local subscribers, or links). Exact filters are found by one look-up; patterns are
/// tried one by one, each distinct pattern once.
#[derive(Debug)]
pub struct Interest<T> {
    exact: HashMap<Arc<str>, Wants<T>>,
    patterns: Patterns<T>,
}

impl<T> Default for Interest<T> {
    fn default() -> Self {
        Self {
            exact: HashMap::new(),
            patterns: Patterns::default(),
        }
    }
}

impl<T: Copy + Eq> Interest<T> {
    /// Records that `target` wants `filter` in these classes, in place of what it wanted before. Says whether anything
    /// changed.
    ///
    /// # Panics
    /// Without classes: who wants something wants it in one.
    pub fn set(&mut self, filter: &Filter, target: T, classes: &[Class]) -> bool {
        assert!(!classes.is_empty(), "a want has a class");
        let wants = match filter {
            Filter::Exact(topic) => self.exact.entry(topic.clone()).or_default(),
            other => self.patterns.wants_mut(other),
        };
        if classes_of(wants, target).eq(classes.iter().copied()) {
            return false;
        }
        let known = wants.iter().position(|want| want.0 == target);
        let at = known.unwrap_or(wants.len());
        wants.retain(|want| want.0 != target);
        wants.insert_many(at, classes.iter().map(|class| (target, *class)));
        true
    }

    /// Forgets that `target` wants `filter`; false if it did not.
    pub fn remove(&mut self, filter: &Filter, target: T) -> bool {
        let mut removed = false;
        let drop_target = |wants: &mut Wants<T>| {
            removed = drop_target(wants, target);
            wants.is_empty()
        };
        match filter {
            Filter::Exact(topic) => {
                if self.exact.get_mut(&**topic).is_some_and(drop_target) {
                    self.exact.remove(&**topic);
                }
            }
            other => {
                if self.patterns.get_mut(other).is_some_and(drop_target) {
                    self.patterns.remove(other);
                }
            }
        }
        removed
    }

    /// Forgets everything that `target` wants, and returns it.
    pub fn remove_target(&mut self, target: T) -> Vec<Filter> {
        let mut filters = Vec::new();
        self.exact.retain(|topic, wants| {
            if drop_target(wants, target) {
                filters.push(Filter::Exact(topic.clone()));
            }
            !wants.is_empty()
        });
        filters.sort_unstable_by(|a, b| a.text().cmp(&b.text()));
        self.patterns.retain(|filter, wants| {
            if drop_target(wants, target) {
                filters.push(filter.clone());
            }
            !wants.is_empty()
        });
        filters
    }

    /// Whether `target` wants exactly this filter.
    pub fn contains(&self, filter: &Filter, target: T) -> bool {
        self.wants(filter)
            .is_some_and(|wants| has_target(wants, target))
    }

    /// The targets that want exactly this filter.
    pub fn targets(&self, filter: &Filter) -> impl Iterator<Item = T> {
        self.wants(filter)
            .into_iter()
            .flat_map(|wants| targets_of(wants))
    }

    /// All filters, each once, with their targets, in an order that depends on nothing but the filters.
    pub fn filters(&self) -> impl Iterator<Item = (Filter, impl Iterator<Item = T>)> {
        self.all()
            .map(|(filter, wants)| (filter, targets_of(wants)))
    }

    /// What one target wants, with the classes, in the order of [`filters`](Self::filters).
    pub fn of_target(&self, target: T) -> Vec<(Filter, Classes)> {
        let wanted = self
            .all()
            .map(|(filter, wants)| (filter, classes_of(wants, target).collect::<Classes>()));
        wanted.filter(|(_, classes)| !classes.is_empty()).collect()
    }

    /// The filters by which `target` wants a topic.
    pub fn filters_matching(&self, target: T, topic: &str) -> SmallVec<[Filter; 1]> {
        let wants_it = |wants: &Wants<T>| has_target(wants, target);
        let exact = self.exact.get_key_value(topic);
        let exact = exact.filter(|(_, wants)| wants_it(wants));
        let exact = exact.map(|(topic, _)| Filter::Exact(topic.clone()));
        let patterns = self.patterns.iter();
        let patterns = patterns.filter(|(filter, wants)| wants_it(wants) && filter.matches(topic));
        let patterns = patterns.map(|(filter, _)| filter.clone());
        exact.into_iter().chain(patterns).collect()
    }

    /// The name of a topic that somebody wants by it, to be shared.
    pub fn name(&self, topic: &str) -> Option<&Arc<str>> {
        self.exact.get_key_value(topic).map(|(name, _)| name)
    }

    /// Whether anybody wants exactly this topic by name.
    pub fn has_exact(&self, topic: &str) -> bool {
        self.exact.contains_key(topic)
    }

    /// The filters that are not exact.
    pub fn patterns(&self) -> impl Iterator<Item = &Filter> {
        self.patterns.iter().map(|(filter, _)| filter)
    }

    /// Whether there is any filter that is not exact.
    pub fn has_patterns(&self) -> bool {
        !self.patterns.is_empty()
    }

    /// Filters and targets, each pair counted.
    pub fn count(&self) -> usize {
        let exact = self.exact.values();
        let patterns = self.patterns.iter().map(|(_, wants)| wants);
        let targets = exact.chain(patterns).map(|wants| targets_of(wants).count());
        targets.sum()
    }

    /// Who wants a topic, each target once, with all the classes it wants it in.
    pub fn matching(&self, topic: &str) -> SmallVec<[(T, Classes); 2]> {
        let mut found: SmallVec<[(T, Classes); 2]> = SmallVec::new();
        for wants in self.wants_matching(topic) {
            // Targets are distinct within one filter.
            let earlier = found.len();
            for target in targets_of(wants) {
                let mut known = found[..earlier].iter_mut();
                match known.find(|(known, _)| *known == target) {
                    Some((_, classes)) => merge(classes, classes_of(wants, target)),
                    None => found.push((target, classes_of(wants, target).collect())),
                }
            }
        }
        found
    }

    /// The classes in which `target` wants a topic; `None` if it does not.
    pub fn wanted_by(&self, target: T, topic: &str) -> Option<Classes> {
        let mut found = Classes::new();
        for wants in self.wants_matching(topic) {
            merge(&mut found, classes_of(wants, target));
        }
        (!found.is_empty()).then_some(found)
    }

    fn wants_matching(&self, topic: &str) -> impl Iterator<Item = &Wants<T>> {
        let patterns = self.patterns.iter();
        let patterns = patterns.filter(move |(filter, _)| filter.matches(topic));
        self.exact
            .get(topic)
            .into_iter()
            .chain(patterns.map(|(_, wants)| wants))
    }

    /// Hash tables have an order of their own in every process; what is told to others must not follow it.
    fn all(&self) -> impl Iterator<Item = (Filter, &Wants<T>)> {
        let mut exact: Vec<_> = self.exact.iter().collect();
        exact.sort_unstable_by_key(|(topic, _)| *topic);
        let exact = exact.into_iter();
        let exact = exact.map(|(topic, wants)| (Filter::Exact(topic.clone()), wants));
        let patterns = self.patterns.iter();
        exact.chain(patterns.map(|(filter, wants)| (filter.clone(), wants)))
    }

    fn wants(&self, filter: &Filter) -> Option<&Wants<T>> {
        match filter {
            Filter::Exact(topic) => self.exact.get(&**topic),
            other => self.patterns.get(other),
        }
    }
}

fn has_target<T: Copy + Eq>(wants: &[(T, Class)], target: T) -> bool {
    wants.iter().any(|want| want.0 == target)
}

/// Each target once.
fn targets_of<T: Copy + Eq>(wants: &[(T, Class)]) -> impl Iterator<Item = T> {
    let before = std::iter::once(None).chain(wants.iter().map(|want| Some(want.0)));
    let wants = wants.iter().zip(before);
    wants
        .filter(|(want, before)| *before != Some(want.0))
        .map(|(want, _)| want.0)
}

fn classes_of<T: Copy + Eq>(wants: &[(T, Class)], target: T) -> impl Iterator<Item = Class> {
    let own = wants.iter().filter(move |want| want.0 == target);
    own.map(|want| want.1)
}

/// Whether there was something of the target.
fn drop_target<T: Copy + Eq>(wants: &mut Wants<T>, target: T) -> bool {
    let before = wants.len();
    wants.retain(|want| want.0 != target);
    wants.len() < before
}

/// Adds the classes of `more` that are not in `classes` yet.
fn merge(classes: &mut Classes, more: impl Iterator<Item = Class>) {
    for class in more {
        if !classes.contains(&class) {
            classes.push(class);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_found_with_all_its_classes_once() {
        let mut interest = Interest::default();
        let filter = Filter::exact("a").unwrap();
        let class = Class;
        assert!(interest.set(&filter, 1, &[class(4), class(8)]));
        assert!(interest.set(&filter, 2, &[class(4)]));
        assert!(!interest.set(&filter, 1, &[class(4), class(8)]));
        assert!(interest.set(&filter, 1, &[class(8), class(12), class(4)]));
        assert!(interest.set(&Filter::pattern("*").unwrap(), 2, &[class(0)]));
        assert_eq!(interest.targets(&filter).collect::<Vec<_>>(), [1, 2]);
        assert_eq!(interest.count(), 3);
        let classes = |numbers: &[u64]| numbers.iter().map(|number| class(*number)).collect();
        let expected: [(i32, Classes); 2] = [(1, classes(&[8, 12, 4])), (2, classes(&[4, 0]))];
        assert_eq!(interest.matching("a").as_slice(), expected);
        assert_eq!(interest.wanted_by(2, "b"), Some(classes(&[0])));
        assert!(interest.remove(&filter, 1));
        assert!(!interest.remove(&filter, 1));
        assert_eq!(interest.wanted_by(1, "a"), None);
    }

    #[test]
    fn what_one_target_wants_is_small() {
        assert!(size_of::<(Arc<str>, Wants<u32>)>() <= 40);
    }
}
