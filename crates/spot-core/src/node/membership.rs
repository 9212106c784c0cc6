//! Membership: what members say of themselves is flooded (MEMBERS), whether they are alive is gossiped (GOSSIP).
//!
//! Both go over links in use. A packet for a member without a link goes to the neighbour by whom something of that
//! member came last, and so on: in a chain or around a hub every node knows all members. Observers are told what their
//! peers see, and take no part.

use super::link::Link;
use super::output::{LinkId, Output};
use super::{ClusterConfig, Node};
use crate::endpoint::Endpoint;
use crate::frame::{Frame, FrameError, Gossip, MemberEntry, Standing, members_frames};
use crate::hello::Role;
use crate::identity::{Incarnation, NodeId};
use crate::limits::{
    ANNOUNCE_AGAIN_MS, MAX_ANNOUNCED, MAX_ENDPOINTS_PER_LIST, MAX_GOSSIP_HOPS, MAX_MEMBERS,
};
use crate::members::Book;
use crate::swim::{Packet, State, Swim};

/// What a node knows of its cluster.
#[derive(Debug)]
pub(super) struct Membership {
    pub(super) swim: Swim,
    pub(super) book: Book,
    pub(super) config: ClusterConfig,
    /// The life that others know this node by: its own, or one after that of a namesake that it has outlived.
    pub(super) life: Incarnation,
    /// Counts what this life said of itself.
    pub(super) own_version: u64,
    /// This node has taken its leave.
    pub(super) left: bool,
    /// Neighbours that do not gossip with us are spoken to again then.
    pub(super) announce_at_ms: Option<u64>,
    /// When a presumption ends, or somebody is to be forgotten.
    pub(super) review_at_ms: Option<u64>,
    /// The partition that users know of: reachable members, all members.
    pub(super) partition: Option<(usize, usize)>,
    /// Publishing is refused, as the driver knows.
    pub(super) refuses: bool,
}

impl Membership {
    pub(super) fn new(life: Incarnation, swim: Swim, config: ClusterConfig) -> Self {
        Self {
            swim,
            book: Book::default(),
            config,
            life,
            own_version: 0,
            left: false,
            announce_at_ms: None,
            review_at_ms: None,
            partition: None,
            refuses: false,
        }
    }

    pub(super) fn wakes_at_ms(&self) -> Option<u64> {
        let swim = self.swim.poll_timeout();
        let own = self.announce_at_ms.into_iter().chain(self.review_at_ms);
        own.chain(swim).min()
    }
}

impl Link {
    /// Both ends of it are members of a cluster, or one observes it.
    fn is_of_cluster(&self) -> bool {
        self.is_active_spot() && !self.implicit
    }

    fn leads_to(&self, role: Role) -> bool {
        self.is_of_cluster() && self.spot().is_some_and(|hello| hello.role == role)
    }

    /// Only this machine is at the other end.
    fn is_local(&self) -> bool {
        match Endpoint::parse_connect(&self.address) {
            Ok(endpoint) => endpoint.is_local(),
            // An address with a scope is no endpoint; what is none at all is another node of this context.
            Err(_) => !self.address.starts_with("tcp://"),
        }
    }
}

impl Node {
    /// A link came into use: each side tells the other of all members, and members greet each other.
    pub(super) fn tell_members(&mut self, link: LinkId, node: NodeId) {
        if self.observes() || !self.links[&link].is_of_cluster() {
            return self.settle_membership();
        }
        let mut nodes = vec![self.config.id];
        nodes.extend(self.membership.book.iter().map(|(node, _)| node));
        self.send_members(link, &nodes);
        if self.links[&link].leads_to(Role::Node) {
            self.tell_outlived(node);
            self.membership.swim.announce(self.clock_ms, node);
        }
        self.settle_membership();
    }

    /// MEMBERS arrived.
    pub(super) fn members_told(&mut self, link: LinkId, entries: &[MemberEntry<'_>]) {
        if !self.links[&link].leads_to(Role::Node) {
            return;
        }
        let mut news = Vec::new();
        for entry in entries {
            if entry.node == self.config.id {
                self.told_of_itself(entry);
            } else if self.member_told(link, entry) {
                news.push(entry.node);
            }
        }
        self.pass_on(&news, Some(link));
        self.settle_membership();
    }

    /// GOSSIP arrived.
    pub(super) fn gossip_arrived(
        &mut self,
        link: LinkId,
        gossip: &Gossip<'_>,
    ) -> Result<(), FrameError> {
        let packet = Packet::decode(gossip.packet)?;
        if self.observes() || !self.links[&link].leads_to(Role::Node) {
            return Ok(());
        }
        if let Some(source) = self.membership.book.get_mut(packet.source) {
            source.route = Some(link);
        }
        if gossip.destination != self.config.id {
            self.forward(link, gossip);
        } else if self.has_room_for(&packet) && !self.is_outlived(&packet) {
            self.membership.swim.receive(self.clock_ms, gossip.packet);
            self.settle_gossip();
        }
        Ok(())
    }

    /// Does what is due of it.
    pub(super) fn membership_due(&mut self) {
        let now_ms = self.clock_ms;
        if self
            .membership
            .wakes_at_ms()
            .is_none_or(|at_ms| at_ms > now_ms)
        {
            return;
        }
        self.membership.swim.handle_timeout(now_ms);
        if self
            .membership
            .announce_at_ms
            .is_some_and(|at| at <= now_ms)
        {
            self.membership.announce_at_ms = None;
            for node in self.mute_neighbours() {
                self.membership.swim.announce(now_ms, node);
            }
            return self.settle_membership();
        }
        if self.membership.review_at_ms.is_some_and(|at| at <= now_ms) {
            self.membership.book.forget(now_ms);
            return self.settle_membership();
        }
        self.settle_gossip();
    }

    /// What this node says of itself has changed.
    pub(super) fn describe_anew(&mut self) {
        // A peer may have told of any version.
        self.membership.own_version = self.membership.own_version.saturating_add(1);
        self.pass_on(&[self.config.id], None);
    }

    /// Members that are down are spoken to: they may have been cut off, and be back.
    pub(super) fn speak_to_the_down(&mut self) {
        let down = self.membership.book.iter().filter(|(_, member)| {
            !member.left && member.heard.is_some_and(|(_, state)| state == State::Down)
        });
        let down: Vec<NodeId> = down.map(|(node, _)| node).take(MAX_ANNOUNCED).collect();
        for node in down {
            self.membership.swim.announce(self.clock_ms, node);
        }
    }

    /// Carries out what gossip led to: mostly nothing but packets.
    fn settle_gossip(&mut self) {
        let book = &self.membership.book;
        let mut states = self.membership.swim.states();
        let is_news = states.any(|(node, incarnation, state)| {
            let member = book.get(node);
            member.is_some_and(|member| member.heard != Some((incarnation, state)))
        });
        drop(states);
        if is_news || self.membership.swim.has_returned() {
            self.settle_membership();
        } else {
            self.send_packets();
            self.plan_announcement();
        }
    }

    /// Carries out what membership led to.
    pub(super) fn settle_membership(&mut self) {
        while self.membership.swim.take_returned() {
            for node in self.neighbours() {
                self.membership.swim.announce(self.clock_ms, node);
            }
            self.speak_to_the_down();
        }
        self.update_cluster();
        self.send_packets();
        self.plan_announcement();
        self.discover();
    }

    fn send_packets(&mut self) {
        while let Some((to, packet)) = self.membership.swim.poll_packet() {
            if let Some(link) = self.gossip_way(to).or_else(|| self.any_way(None)) {
                let gossip = Gossip {
                    destination: to,
                    hops: 0,
                    packet: &packet,
                };
                self.send(link, &Frame::Gossip(gossip));
            }
        }
    }

    fn plan_announcement(&mut self) {
        if self.membership.announce_at_ms.is_none() && !self.mute_neighbours().is_empty() {
            self.membership.announce_at_ms = Some(self.clock_ms + ANNOUNCE_AGAIN_MS);
        }
    }

    pub(super) fn observes(&self) -> bool {
        self.config.role == Role::Observer
    }

    /// Whether a link that somebody asked for leads to a node.
    pub(super) fn is_linked_to(&self, node: NodeId) -> bool {
        let active = self.remotes.get(&node).and_then(|remote| remote.active);
        active.is_some_and(|link| !self.links[&link].implicit)
    }

    /// Passes on what is known of members, to all neighbours but one.
    pub(super) fn pass_on(&mut self, nodes: &[NodeId], except: Option<LinkId>) {
        if nodes.is_empty() || self.observes() {
            return;
        }
        let links = self.links.iter().filter(|(_, link)| link.is_of_cluster());
        let links: Vec<LinkId> = links.map(|(link, _)| *link).collect();
        for link in links.into_iter().filter(|link| Some(*link) != except) {
            self.send_members(link, nodes);
        }
    }

    /// Tells observers what this node sees of members.
    pub(super) fn tell_observers(&mut self, nodes: &[NodeId]) {
        let links = self.links.iter();
        let observers = links.filter(|(_, link)| link.leads_to(Role::Observer));
        for link in observers.map(|(link, _)| *link).collect::<Vec<_>>() {
            self.send_members(link, nodes);
        }
    }

    fn send_members(&mut self, link: LinkId, nodes: &[NodeId]) {
        let local = self.links[&link].is_local();
        let entries = nodes.iter().filter_map(|node| self.entry(*node, local));
        for frame in members_frames(entries) {
            self.push(Output::Frame { link, frame });
        }
    }

    /// What is known of a member, for a neighbour on this machine or elsewhere.
    fn entry(&self, node: NodeId, local: bool) -> Option<MemberEntry<'_>> {
        if node == self.config.id {
            return Some(MemberEntry {
                node,
                incarnation: self.membership.life,
                version: self.membership.own_version,
                standing: if self.membership.left {
                    Standing::Left
                } else {
                    Standing::Alive
                },
                name: &self.config.name,
                endpoints: told_endpoints(&self.endpoints, local),
            });
        }
        let member = self.membership.book.get(node)?;
        Some(MemberEntry {
            node,
            incarnation: member.incarnation,
            version: member.version,
            standing: self.standing_of(member),
            name: &member.name,
            endpoints: told_endpoints(&member.endpoints, local),
        })
    }

    /// Takes in what a neighbour tells of another member; says whether it is news.
    fn member_told(&mut self, link: LinkId, entry: &MemberEntry<'_>) -> bool {
        let teller = &self.links[&link];
        let is_its_own = teller.spot().is_some_and(|hello| hello.node == entry.node);
        let endpoints = entry
            .endpoints
            .iter()
            .filter_map(|text| {
                let from = is_its_own.then_some(&teller.address[..]);
                dialable(text, from)
            })
            .collect();
        let now_ms = self.clock_ms;
        let news = self.membership.book.learn(now_ms, entry, endpoints);
        let routed = |route: LinkId| self.links.contains_key(&route);
        if let Some(member) = self.membership.book.get_mut(entry.node) {
            if !member.route.is_some_and(routed) {
                member.route = Some(link);
            }
            if news && member.left {
                let swim = &mut self.membership.swim;
                swim.bury(now_ms, entry.node, entry.incarnation);
            }
        }
        news
    }

    /// A neighbour that goes on where a later life of its id, another node's, is over learns that: others would hold it
    /// for gone as well.
    pub(super) fn tell_outlived(&mut self, node: NodeId) {
        let link = self.remotes.get(&node).and_then(|remote| remote.active);
        let (Some(link), Some(member)) = (link, self.membership.book.get(node)) else {
            return;
        };
        let (_, life) = self.life_of(link);
        let is_over = member.left || member.heard_of_now() == Some(State::Down);
        if member.incarnation > life && is_over && self.links[&link].is_of_cluster() {
            let entry = MemberEntry {
                node,
                incarnation: member.incarnation,
                version: member.version,
                standing: Standing::Left,
                name: &member.name,
                endpoints: Vec::new(),
            };
            for frame in members_frames([entry]) {
                self.push(Output::Frame { link, frame });
            }
        }
    }

    /// Others tell of this node: what they hold of its present life must be what it says, and one that it has outlived
    /// must not stand for it.
    fn told_of_itself(&mut self, entry: &MemberEntry<'_>) {
        if self.membership.left {
            return;
        }
        let has_left = entry.standing == Standing::Left;
        if entry.incarnation > self.membership.life && has_left {
            let next = Incarnation(entry.incarnation.0.saturating_add(1));
            self.membership.life = next;
            self.membership.swim.take_up(self.clock_ms, next);
            return self.describe_anew();
        }
        let is_wrong = entry.version > self.membership.own_version || has_left;
        if entry.incarnation == self.membership.life && is_wrong {
            self.membership.own_version = self.membership.own_version.max(entry.version);
            self.describe_anew();
        }
    }

    fn forward(&mut self, from: LinkId, gossip: &Gossip<'_>) {
        let mut way = self.gossip_way(gossip.destination);
        if way.is_none_or(|link| link == from)
            && !self.is_linked_to(gossip.destination)
            && let Some(member) = self.membership.book.get_mut(gossip.destination)
        {
            // They know no way but ours, so ours does not lead by them: it was learnt before something broke.
            member.route = None;
            way = self.any_way(Some(from));
        }
        if let Some(link) = way.filter(|link| *link != from && gossip.hops < MAX_GOSSIP_HOPS) {
            let hops = gossip.hops + 1;
            self.send(link, &Frame::Gossip(Gossip { hops, ..*gossip }));
        }
    }

    /// The link to a member, or to the neighbour by whom something of it came last.
    fn gossip_way(&self, node: NodeId) -> Option<LinkId> {
        if self.is_linked_to(node) {
            return self.remotes[&node].active;
        }
        let route = self.membership.book.get(node)?.route?;
        let is_in_use = |link: &Link| link.leads_to(Role::Node);
        self.links
            .get(&route)
            .is_some_and(is_in_use)
            .then_some(route)
    }

    /// A neighbour who may know a way that is not known here, each time another.
    fn any_way(&self, except: Option<LinkId>) -> Option<LinkId> {
        let links = self.links.iter();
        let neighbours = links.filter(|(_, link)| link.leads_to(Role::Node));
        let neighbours = neighbours.map(|(link, _)| *link);
        let neighbours: Vec<LinkId> = neighbours.filter(|link| Some(*link) != except).collect();
        let turn = self.clock_ms as usize % neighbours.len().max(1);
        neighbours.get(turn).copied()
    }

    /// Whether a packet is of a life that a later one has followed. It is one too many as long as both go on, and must not be
    /// answered: each answer would have it come back anew.
    fn is_outlived(&self, packet: &Packet) -> bool {
        let source = self.membership.book.get(packet.source);
        source.is_some_and(|member| member.incarnation > packet.life)
    }

    /// A full failure detector takes no packet that would make it grow.
    fn has_room_for(&self, packet: &Packet) -> bool {
        let membership = &self.membership;
        membership.swim.len() + packet.members.len() <= MAX_MEMBERS
            || packet
                .members
                .iter()
                .all(|node| membership.book.get(*node).is_some())
    }

    /// Members at the other end of a link.
    fn neighbours(&self) -> Vec<NodeId> {
        let links = self.links.values();
        let members = links.filter(|link| link.leads_to(Role::Node));
        let hellos = members.filter_map(Link::spot);
        hellos.map(|hello| hello.node).collect()
    }

    /// Neighbours that the failure detector does not hold for alive.
    fn mute_neighbours(&self) -> Vec<NodeId> {
        if self.observes() || self.membership.left {
            return Vec::new();
        }
        let is_mute = |node: &NodeId| {
            let member = self.membership.book.get(*node);
            let state = member.and_then(crate::members::Member::heard_of_now);
            !matches!(state, Some(State::Alive | State::Suspect))
        };
        let mut neighbours = self.neighbours();
        neighbours.retain(is_mute);
        neighbours
    }
}

/// The endpoints that are of use at the other end of a link.
fn told_endpoints(endpoints: &[String], local: bool) -> Vec<&str> {
    let is_told =
        |text: &&str| Endpoint::parse_bind(text).map_or(true, |endpoint| endpoint.is_told(local));
    let texts = endpoints.iter().map(String::as_str).filter(is_told);
    texts.take(MAX_ENDPOINTS_PER_LIST).collect()
}

/// An endpoint as it can be dialled. Of one that stands for every interface of its host only the port is known; the
/// host is where the link to it leads, `from`.
fn dialable(text: &str, from: Option<&str>) -> Option<String> {
    let Ok(endpoint) = Endpoint::parse_bind(text) else {
        // Of a transport that others may know.
        return Some(text.to_owned());
    };
    if !endpoint.is_of_any_host() {
        return Some(text.to_owned());
    }
    let Endpoint::Tcp { port, .. } = endpoint else {
        return None;
    };
    let host = match Endpoint::parse_connect(from?) {
        Ok(Endpoint::Tcp { host, .. }) => host,
        Err(_) if from?.starts_with("tcp://") => return None,
        // Over a Unix socket, or within a context: the same machine.
        _ => crate::endpoint::Host::V4(core::net::Ipv4Addr::LOCALHOST),
    };
    Some(Endpoint::Tcp { host, port }.to_string())
}
