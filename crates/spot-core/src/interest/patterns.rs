//! Filters that are tried one by one, and found by look-up all the same.

use hashbrown::HashMap;

use super::Wants;
use crate::filter::Filter;

/// Distinct filters with those who want them. A peer may make them many, so that none of the calls but
/// [`retain`](Self::retain) goes through all. Their order depends on nothing but the calls.
#[derive(Debug)]
pub(super) struct Patterns<T> {
    list: Vec<(Filter, Wants<T>)>,
    positions: HashMap<Filter, usize>,
}

impl<T> Default for Patterns<T> {
    fn default() -> Self {
        Self {
            list: Vec::new(),
            positions: HashMap::new(),
        }
    }
}

impl<T> Patterns<T> {
    pub(super) fn iter(&self) -> impl Iterator<Item = &(Filter, Wants<T>)> {
        self.list.iter()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    pub(super) fn get(&self, filter: &Filter) -> Option<&Wants<T>> {
        let position = self.positions.get(filter)?;
        Some(&self.list[*position].1)
    }

    pub(super) fn get_mut(&mut self, filter: &Filter) -> Option<&mut Wants<T>> {
        let position = self.positions.get(filter)?;
        Some(&mut self.list[*position].1)
    }

    /// Those who want a filter; it is added if need be.
    pub(super) fn wants_mut(&mut self, filter: &Filter) -> &mut Wants<T> {
        let position = match self.positions.get(filter) {
            Some(position) => *position,
            None => {
                self.positions.insert(filter.clone(), self.list.len());
                self.list.push((filter.clone(), Wants::new()));
                self.list.len() - 1
            }
        };
        &mut self.list[position].1
    }

    pub(super) fn remove(&mut self, filter: &Filter) {
        if let Some(position) = self.positions.remove(filter) {
            self.list.swap_remove(position);
            if let Some((moved, _)) = self.list.get(position) {
                self.positions.insert(moved.clone(), position);
            }
        }
    }

    /// Keeps the filters for which `keep` says so.
    pub(super) fn retain(&mut self, mut keep: impl FnMut(&Filter, &mut Wants<T>) -> bool) {
        self.list.retain_mut(|(filter, wants)| keep(filter, wants));
        if self.list.len() < self.positions.len() {
            let filters = self.list.iter().map(|(filter, _)| filter.clone());
            self.positions = filters.zip(0..).collect();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_are_found_whatever_was_removed() {
        let mut patterns = Patterns::<u8>::default();
        let filter = |number: u8| Filter::prefix(&[number]);
        for number in 0..100 {
            patterns.wants_mut(&filter(number));
            patterns.wants_mut(&filter(number));
        }
        (0..100)
            .step_by(3)
            .for_each(|number| patterns.remove(&filter(number)));
        patterns.retain(|known, _| *known != filter(1));
        patterns.remove(&filter(1));
        for number in 0..100 {
            let kept = number % 3 != 0 && number != 1;
            assert_eq!(patterns.get(&filter(number)).is_some(), kept, "{number}");
        }
        assert_eq!(patterns.iter().count(), 65);
    }
}
