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

#[derive(Debug, Clone)]
struct Want<T> {
    target: T,
    classes: Classes,
}

type Wants<T> = SmallVec<[Want<T>; 1]>;

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
    /// Records that `target` wants `filter` in these classes, in place of what it wanted before. Empty classes are a
    /// want like any other. Says whether anything changed.
    pub fn set(&mut self, filter: &Filter, target: T, classes: Classes) -> bool {
        let wants = match filter {
            Filter::Exact(topic) => self.exact.entry(topic.clone()).or_default(),
            other => self.patterns.wants_mut(other),
        };
        match wants.iter_mut().find(|want| want.target == target) {
            Some(want) if want.classes == classes => false,
            Some(want) => {
                want.classes = classes;
                true
            }
            None => {
                wants.push(Want { target, classes });
                true
            }
        }
    }

    /// Forgets that `target` wants `filter`; false if it did not.
    pub fn remove(&mut self, filter: &Filter, target: T) -> bool {
        let mut removed = false;
        let drop_target = |wants: &mut Wants<T>| {
            let before = wants.len();
            wants.retain(|want| want.target != target);
            removed |= wants.len() < before;
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
        let drop_target = |wants: &mut Wants<T>| {
            let before = wants.len();
            wants.retain(|want| want.target != target);
            wants.len() < before
        };
        self.exact.retain(|topic, wants| {
            if drop_target(wants) {
                filters.push(Filter::Exact(topic.clone()));
            }
            !wants.is_empty()
        });
        filters.sort_unstable_by(|a, b| a.text().cmp(&b.text()));
        self.patterns.retain(|filter, wants| {
            if drop_target(wants) {
                filters.push(filter.clone());
            }
            !wants.is_empty()
        });
        filters
    }

    /// Whether `target` wants exactly this filter.
    pub fn contains(&self, filter: &Filter, target: T) -> bool {
        self.wants(filter)
            .is_some_and(|wants| wants.iter().any(|want| want.target == target))
    }

    /// The targets that want exactly this filter.
    pub fn targets(&self, filter: &Filter) -> impl Iterator<Item = T> {
        self.wants(filter)
            .into_iter()
            .flatten()
            .map(|want| want.target)
    }

    /// All filters, each once, with their targets, in an order that depends on nothing but the filters.
    pub fn filters(&self) -> impl Iterator<Item = (Filter, impl Iterator<Item = T>)> {
        self.all()
            .map(|(filter, wants)| (filter, wants.iter().map(|want| want.target)))
    }

    /// What one target wants, with the classes, in the order of [`filters`](Self::filters).
    pub fn of_target(&self, target: T) -> Vec<(Filter, Classes)> {
        let wanted = self.all().filter_map(|(filter, wants)| {
            let want = wants.iter().find(|want| want.target == target)?;
            Some((filter, want.classes.clone()))
        });
        wanted.collect()
    }

    /// The filters by which `target` wants a topic.
    pub fn filters_matching(&self, target: T, topic: &str) -> SmallVec<[Filter; 1]> {
        let wants_it = |wants: &Wants<T>| wants.iter().any(|want| want.target == target);
        let exact = self.exact.get_key_value(topic);
        let exact = exact.filter(|(_, wants)| wants_it(wants));
        let exact = exact.map(|(topic, _)| Filter::Exact(topic.clone()));
        let patterns = self.patterns.iter();
        let patterns = patterns.filter(|(filter, wants)| wants_it(wants) && filter.matches(topic));
        let patterns = patterns.map(|(filter, _)| filter.clone());
        exact.into_iter().chain(patterns).collect()
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
        let exact: usize = self.exact.values().map(SmallVec::len).sum();
        exact
            + self
                .patterns
                .iter()
                .map(|(_, wants)| wants.len())
                .sum::<usize>()
    }

    /// Who wants a topic, each target once, with all the classes it wants it in.
    pub fn matching(&self, topic: &str) -> SmallVec<[(T, Classes); 2]> {
        let mut found: SmallVec<[(T, Classes); 2]> = SmallVec::new();
        for wants in self.wants_matching(topic) {
            // Targets are distinct within one filter.
            let earlier = found.len();
            for want in wants {
                let mut known = found[..earlier].iter_mut();
                match known.find(|(target, _)| *target == want.target) {
                    Some((_, classes)) => merge(classes, &want.classes),
                    None => found.push((want.target, want.classes.clone())),
                }
            }
        }
        found
    }

    /// The classes in which `target` wants a topic; `None` if it does not.
    pub fn wanted_by(&self, target: T, topic: &str) -> Option<Classes> {
        let mut found: Option<Classes> = None;
        for wants in self.wants_matching(topic) {
            if let Some(want) = wants.iter().find(|want| want.target == target) {
                merge(found.get_or_insert_default(), &want.classes);
            }
        }
        found
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

/// Adds the classes of `more` that are not in `classes` yet.
fn merge(classes: &mut Classes, more: &[Class]) {
    for class in more {
        if !classes.contains(class) {
            classes.push(*class);
        }
    }
}
