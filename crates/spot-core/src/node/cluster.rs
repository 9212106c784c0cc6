//! The cluster as a node sees it: who is a member, who is reachable, whether this is the majority.

use std::sync::Arc;

use super::Node;
use super::output::{Event, Output};
use crate::frame::Standing;
use crate::identity::{Incarnation, NodeId};
use crate::limits::{MEMBER_FORGET_MS, MEMBER_PRESUMED_MS};
use crate::members::Member;
use crate::swim::State;

/// What a node is to make of its cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ClusterConfig {
    /// Members of the whole cluster; `None` takes those that are known and have not left.
    pub size: Option<usize>,
    /// Members that are learnt of are dialled.
    pub discovery: bool,
    /// Publishing is refused without a majority.
    pub refuse_minority: bool,
}

/// How a member is, as a node sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MemberState {
    /// It answers.
    Alive,
    /// It did not answer lately; it counts as reachable until it is down.
    Suspect,
    /// It is down, or cut off from this node.
    Down,
}

/// A member of a cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemberView {
    /// Its node id.
    pub node: NodeId,
    /// Its name; may be empty.
    pub name: String,
    /// Which of its lives is known.
    pub incarnation: Incarnation,
    /// Where it can be reached, as far as that is known here.
    pub endpoints: Vec<String>,
    /// How it is.
    pub state: MemberState,
    /// Whether it is this node.
    pub itself: bool,
}

/// The cluster as one node sees it. Observers are no part of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClusterView {
    /// The members by node id: this node, and all that are known and have not left.
    pub members: Vec<MemberView>,
    /// How many there are to be: configured, or the members known.
    pub size: usize,
    /// How many are reachable, this node among them.
    pub reachable: usize,
    /// How many make a majority.
    pub quorum: usize,
    /// Whether so many are reachable.
    pub has_quorum: bool,
    /// Whether some known member is not reachable.
    pub partitioned: bool,
}

/// Members reachable, members known, and how many there are to be.
struct Count {
    reachable: usize,
    known: usize,
    size: usize,
}

impl Count {
    fn quorum(&self) -> usize {
        self.size / 2 + 1
    }

    fn has_quorum(&self) -> bool {
        self.reachable >= self.quorum()
    }
}

impl Node {
    /// Changes what the node makes of its cluster; takes effect at once.
    pub fn configure_cluster(&mut self, config: ClusterConfig) {
        self.membership.config = config;
        self.settle_membership();
    }

    /// The cluster as this node sees it.
    #[must_use]
    pub fn cluster(&self) -> ClusterView {
        let others = self.membership.book.iter();
        let others = others.filter_map(|(node, member)| {
            let state = member.state?;
            Some(MemberView {
                node,
                name: member.name.clone(),
                incarnation: member.incarnation,
                endpoints: member.endpoints.clone(),
                state,
                itself: false,
            })
        });
        let mut members: Vec<MemberView> = others.collect();
        if !self.observes() {
            let hello = self.hello();
            members.push(MemberView {
                node: hello.node,
                name: hello.name,
                incarnation: self.membership.life,
                endpoints: hello.endpoints,
                state: MemberState::Alive,
                itself: true,
            });
        }
        members.sort_by_key(|member| member.node);
        let count = self.count();
        ClusterView {
            members,
            size: count.size,
            reachable: count.reachable,
            quorum: count.quorum(),
            has_quorum: count.has_quorum(),
            partitioned: count.reachable < count.known,
        }
    }

    /// How a member stands, for a neighbour.
    pub(super) fn standing_of(&self, member: &Member) -> Standing {
        match member.state {
            _ if member.left => Standing::Left,
            Some(MemberState::Alive) => Standing::Alive,
            Some(MemberState::Suspect) => Standing::Suspect,
            Some(MemberState::Down) => Standing::Down,
            None => member.told,
        }
    }

    /// Brings what users know of members up to date, and tells them what has changed.
    pub(super) fn update_cluster(&mut self) {
        let mut died = Vec::new();
        for (node, incarnation, state) in self.membership.swim.states() {
            if let Some(member) = self.membership.book.get_mut(node) {
                let heard = Some((incarnation, state));
                let before = std::mem::replace(&mut member.heard, heard);
                if before != heard && state == State::Down {
                    died.push(node);
                }
            }
        }
        died.into_iter().for_each(|node| self.tell_outlived(node));
        let nodes = self.membership.book.iter();
        let states: Vec<(NodeId, Option<MemberState>)> = nodes
            .map(|(node, member)| (node, self.state_of(node, member)))
            .collect();
        let (mut changed, mut gone) = (Vec::new(), Vec::new());
        for (node, mut state) in states {
            if state == Some(MemberState::Down) && self.is_given_up(node) {
                gone.push(node);
                state = None;
            }
            if self.state_changed(node, state) {
                changed.push(node);
            }
        }
        self.pass_on(&gone, None);
        self.tell_partition();
        self.plan_review();
        if !changed.is_empty() {
            self.tell_observers(&changed);
        }
    }

    /// How a member is; `None` if it is none to this node.
    fn state_of(&self, node: NodeId, member: &Member) -> Option<MemberState> {
        if member.left {
            return None;
        }
        let linked = self.link_age_ms(node);
        let mut state = if self.observes() {
            self.state_told(member)
        } else {
            match member.heard_of_now() {
                Some(State::Alive) => MemberState::Alive,
                Some(State::Suspect) => MemberState::Suspect,
                Some(State::Down) => MemberState::Down,
                None => self.state_presumed(member),
            }
        };
        if let Some(age_ms) = linked.filter(|_| state == MemberState::Down) {
            // A new link is as good as a word of it. One that it does not speak over for long may end soon.
            state = if age_ms < MEMBER_PRESUMED_MS {
                MemberState::Alive
            } else {
                MemberState::Suspect
            };
        }
        let is_removed = self.refused.contains_key(&node) && linked.is_none();
        let is_seen = state != MemberState::Down && self.is_online();
        (!is_removed || is_seen).then_some(state)
    }

    /// An observer knows what its peers see.
    fn state_told(&self, member: &Member) -> MemberState {
        match member.told {
            Standing::Alive if self.is_online() => MemberState::Alive,
            Standing::Suspect if self.is_online() => MemberState::Suspect,
            _ => MemberState::Down,
        }
    }

    /// A member that the failure detector has not heard of yet.
    fn state_presumed(&self, member: &Member) -> MemberState {
        if member.told != Standing::Down && self.clock_ms < member.presumed_until_ms {
            MemberState::Alive
        } else {
            MemberState::Down
        }
    }

    /// How long the link to a node is in use.
    fn link_age_ms(&self, node: NodeId) -> Option<u64> {
        let link = self.remotes.get(&node)?.active?;
        let link = &self.links[&link];
        (!link.implicit).then(|| self.clock_ms.saturating_sub(link.since_ms))
    }

    fn is_online(&self) -> bool {
        self.links
            .values()
            .any(|link| link.is_active_spot() && !link.implicit)
    }

    /// Notes the state of a member and tells users; says whether it has changed.
    fn state_changed(&mut self, node: NodeId, state: Option<MemberState>) -> bool {
        let now_ms = self.clock_ms;
        let member = self.membership.book.get_mut(node).expect("just listed");
        let before = std::mem::replace(&mut member.state, state);
        if before == state {
            return false;
        }
        if !member.left {
            member.since_ms = now_ms;
        }
        let name: Arc<str> = member.name.as_str().into();
        let event = match state {
            Some(MemberState::Alive) => Event::MemberUp { node, name },
            Some(MemberState::Suspect) => Event::MemberSuspect { node, name },
            Some(MemberState::Down) => Event::MemberDown {
                node,
                name,
                left: false,
            },
            None => Event::MemberDown {
                node,
                name,
                left: true,
            },
        };
        self.push(Output::Event(event));
        if before == Some(MemberState::Down) && state.is_some() {
            // Who comes back may bring others that were cut off with it.
            self.speak_to_the_down();
        }
        true
    }

    /// Gives a member that is down up if it will not come back: another node has taken its place, or it has been down
    /// for very long.
    fn is_given_up(&mut self, node: NodeId) -> bool {
        let now_ms = self.clock_ms;
        let member = self.membership.book.get_mut(node).expect("just listed");
        let was_down = member.state == Some(MemberState::Down);
        let is_over = was_down && now_ms >= member.since_ms + MEMBER_FORGET_MS;
        if member.replaced || is_over {
            member.give_up(now_ms);
        }
        member.left
    }

    /// Tells of a partition, of every change to it, and of its end; and whether publishing is refused.
    fn tell_partition(&mut self) {
        let count = self.count();
        let (reachable, size, majority) = (count.reachable, count.size, count.has_quorum());
        let is_partitioned = reachable < count.known && !self.membership.left;
        let partition = is_partitioned.then_some((reachable, size));
        if self.membership.partition != partition {
            self.membership.partition = partition;
            match partition {
                Some(_) => self.push(Output::Event(Event::Partition {
                    reachable,
                    size,
                    majority,
                })),
                // That this node leaves, or that an observer knows nobody any more, brings nobody back.
                None if self.membership.left || reachable == 0 => {}
                None => self.push(Output::Event(Event::Heal { size })),
            }
        }
        let refuses = self.membership.config.refuse_minority && !majority;
        if self.membership.refuses != refuses {
            self.membership.refuses = refuses;
            self.push(Output::Publishing { refused: refuses });
        }
    }

    /// When something ends by itself: a presumption, or the memory of somebody.
    fn plan_review(&mut self) {
        let now_ms = self.clock_ms;
        let ends = self.membership.book.iter().filter_map(|(_, member)| {
            let forgotten = member.since_ms + MEMBER_FORGET_MS;
            match member.state {
                None | Some(MemberState::Down) => Some(forgotten),
                _ if self.observes() || member.heard_of_now().is_some() => None,
                Some(_) => Some(member.presumed_until_ms).filter(|end| *end > now_ms),
            }
        });
        self.membership.review_at_ms = ends.min();
    }

    fn count(&self) -> Count {
        let states = self.membership.book.iter();
        let states = states.filter_map(|(_, member)| member.state);
        let itself = usize::from(!self.observes());
        let (mut known, mut reachable) = (itself, itself);
        for state in states {
            known += 1;
            reachable += usize::from(state != MemberState::Down);
        }
        let size = self.membership.config.size.unwrap_or(known);
        Count {
            reachable,
            known,
            size,
        }
    }
}
