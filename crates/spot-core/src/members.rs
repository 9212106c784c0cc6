//! The book of members: what each says of itself, and what is seen of it.

use std::collections::BTreeMap;

use crate::frame::{MemberEntry, Standing};
use crate::identity::{Incarnation, NodeId};
use crate::limits::{MAX_ENDPOINTS_PER_LIST, MAX_MEMBERS, MEMBER_FORGET_MS, MEMBER_PRESUMED_MS};
use crate::node::{LinkId, MemberState};
use crate::swim::State;

/// Another member.
#[derive(Debug)]
pub(crate) struct Member {
    pub(crate) incarnation: Incarnation,
    pub(crate) version: u64,
    pub(crate) name: String,
    /// Those it can be dialled at, as far as its neighbours know.
    pub(crate) endpoints: Vec<String>,
    /// It took its leave, or will not come back. Only remembered so that nobody brings it back.
    pub(crate) left: bool,
    /// What the neighbour saw who told of it last.
    pub(crate) told: Standing,
    /// What the failure detector says, and of which life.
    pub(crate) heard: Option<(Incarnation, State)>,
    /// As users know it; `None` if it is no member to them.
    pub(crate) state: Option<MemberState>,
    /// When it left, or its state began.
    pub(crate) since_ms: u64,
    /// Until then a neighbour's word that it is alive is enough.
    pub(crate) presumed_until_ms: u64,
    /// Another node has taken its place: once it is down, it will not come back.
    pub(crate) replaced: bool,
    /// The link by which something of it came last.
    pub(crate) route: Option<LinkId>,
    /// Links to it that came into use here, up to when it was neither linked nor one of our peers.
    pub(crate) links: u64,
}

/// All members that are known, but this node.
#[derive(Debug, Default)]
pub(crate) struct Book {
    members: BTreeMap<NodeId, Member>,
}

impl Book {
    pub(crate) fn get(&self, node: NodeId) -> Option<&Member> {
        self.members.get(&node)
    }

    pub(crate) fn get_mut(&mut self, node: NodeId) -> Option<&mut Member> {
        self.members.get_mut(&node)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (NodeId, &Member)> {
        self.members.iter().map(|(node, member)| (*node, member))
    }

    /// Takes in what a neighbour tells, with the endpoints as they can be dialled from here. Says whether it is news,
    /// to be passed on.
    pub(crate) fn learn(
        &mut self,
        now_ms: u64,
        entry: &MemberEntry<'_>,
        endpoints: Vec<String>,
    ) -> bool {
        let Some(known) = self.members.get_mut(&entry.node) else {
            if self.members.len() >= MAX_MEMBERS && !self.make_room() {
                return false;
            }
            let member = Member::told(now_ms, entry, endpoints);
            self.members.insert(entry.node, member);
            return true;
        };
        known.learn(now_ms, entry, endpoints)
    }

    /// Forgets those that left long ago.
    pub(crate) fn forget(&mut self, now_ms: u64) {
        self.members
            .retain(|_, member| !member.left || now_ms < member.since_ms + MEMBER_FORGET_MS);
    }

    /// Forgets the member that left first; false if none left.
    fn make_room(&mut self) -> bool {
        let left = self.members.iter().filter(|(_, member)| member.left);
        let oldest = left.min_by_key(|(_, member)| member.since_ms);
        let oldest = oldest.map(|(node, _)| *node);
        oldest.is_some_and(|node| self.members.remove(&node).is_some())
    }
}

impl Member {
    fn told(now_ms: u64, entry: &MemberEntry<'_>, endpoints: Vec<String>) -> Self {
        let mut member = Self {
            incarnation: entry.incarnation,
            version: entry.version,
            name: String::new(),
            endpoints: Vec::new(),
            left: false,
            told: entry.standing,
            heard: None,
            state: None,
            since_ms: now_ms,
            presumed_until_ms: 0,
            replaced: false,
            route: None,
            links: 0,
        };
        member.describe(now_ms, entry, endpoints);
        member
    }

    fn learn(&mut self, now_ms: u64, entry: &MemberEntry<'_>, endpoints: Vec<String>) -> bool {
        let (told, known) = (
            (entry.incarnation, entry.version),
            (self.incarnation, self.version),
        );
        if told < known {
            return false;
        }
        if told > known || entry.standing == Standing::Left && !self.left {
            self.describe(now_ms, entry, endpoints);
            return true;
        }
        if self.left {
            return false;
        }
        self.told = entry.standing;
        let before = self.endpoints.len();
        for endpoint in endpoints {
            if self.endpoints.len() < MAX_ENDPOINTS_PER_LIST && !self.endpoints.contains(&endpoint)
            {
                self.endpoints.push(endpoint);
            }
        }
        self.endpoints.len() > before
    }

    fn describe(&mut self, now_ms: u64, entry: &MemberEntry<'_>, endpoints: Vec<String>) {
        let left = entry.standing == Standing::Left;
        if entry.incarnation > self.incarnation {
            self.replaced = false;
        }
        if left && !self.left {
            self.since_ms = now_ms;
        }
        (self.incarnation, self.version) = (entry.incarnation, entry.version);
        (self.told, self.left) = (entry.standing, left);
        self.presumed_until_ms = now_ms + MEMBER_PRESUMED_MS;
        if !left {
            (self.name, self.endpoints) = (entry.name.to_owned(), endpoints);
            return;
        }
        // Of one that left no more is kept than that it did, and who it was.
        self.endpoints = Vec::new();
        if !entry.name.is_empty() {
            self.name = entry.name.to_owned();
        }
    }

    /// It is known to come back no more.
    pub(crate) fn give_up(&mut self, now_ms: u64) {
        self.version = self.version.saturating_add(1);
        (self.left, self.told) = (true, Standing::Left);
        self.since_ms = now_ms;
        self.endpoints = Vec::new();
    }

    /// What the failure detector says of its present life, or of a later one.
    pub(crate) fn heard_of_now(&self) -> Option<State> {
        let heard = self.heard.filter(|heard| heard.0 >= self.incarnation);
        heard.map(|(_, state)| state)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(node: u8, incarnation: u64, version: u64, standing: Standing) -> MemberEntry<'static> {
        MemberEntry {
            node: NodeId([node; 16]),
            incarnation: Incarnation(incarnation),
            version,
            standing,
            name: "a",
            endpoints: Vec::new(),
        }
    }

    #[test]
    fn the_higher_incarnation_and_version_holds() {
        let mut book = Book::default();
        let mut learn = |incarnation, version, standing| {
            book.learn(0, &entry(1, incarnation, version, standing), Vec::new())
        };
        assert!(learn(5, 1, Standing::Alive));
        assert!(
            !learn(5, 1, Standing::Down),
            "what a neighbour sees is no news"
        );
        assert!(!learn(4, 9, Standing::Left));
        assert!(learn(5, 2, Standing::Left));
        assert!(!learn(5, 1, Standing::Alive), "it stays gone");
        assert!(!learn(5, 2, Standing::Alive));
        assert!(learn(6, 0, Standing::Alive));
        assert!(!book.get(NodeId([1; 16])).unwrap().left);
    }

    #[test]
    fn endpoints_of_the_same_version_add_up() {
        let mut book = Book::default();
        let alive = entry(1, 1, 1, Standing::Alive);
        book.learn(0, &alive, vec!["tcp://a:1".into()]);
        assert!(book.learn(0, &alive, vec!["tcp://a:1".into(), "tcp://b:1".into()]));
        assert!(!book.learn(0, &alive, vec!["tcp://b:1".into()]));
        let endpoints = (0..40).map(|port| format!("tcp://c:{port}")).collect();
        book.learn(0, &alive, endpoints);
        let member = book.get(alive.node).unwrap();
        assert_eq!(member.endpoints.len(), MAX_ENDPOINTS_PER_LIST);
    }

    #[test]
    fn a_full_book_gives_up_those_that_left_first() {
        let mut book = Book::default();
        let id = |number: usize| {
            let mut id = [0; 16];
            id[..8].copy_from_slice(&number.to_be_bytes());
            NodeId(id)
        };
        let member = |number, standing| MemberEntry {
            node: id(number),
            ..entry(0, 1, 1, standing)
        };
        for number in 0..MAX_MEMBERS {
            let standing = if number < 2 {
                Standing::Left
            } else {
                Standing::Alive
            };
            let now_ms = MAX_MEMBERS - number;
            assert!(book.learn(now_ms as u64, &member(number, standing), Vec::new()));
        }
        assert!(book.learn(9, &member(5000, Standing::Alive), Vec::new()));
        assert!(book.get(id(1)).is_none() && book.get(id(0)).is_some());
        assert!(book.learn(9, &member(5001, Standing::Alive), Vec::new()));
        assert!(!book.learn(9, &member(5002, Standing::Alive), Vec::new()));
        assert_eq!(book.members.len(), MAX_MEMBERS);
    }

    #[test]
    fn who_left_is_forgotten_in_the_end() {
        let mut book = Book::default();
        book.learn(7, &entry(1, 1, 1, Standing::Left), Vec::new());
        book.learn(7, &entry(2, 1, 1, Standing::Alive), Vec::new());
        book.forget(6 + MEMBER_FORGET_MS);
        assert_eq!(book.members.len(), 2);
        book.forget(7 + MEMBER_FORGET_MS);
        assert_eq!(book.members.len(), 1);
    }
}
