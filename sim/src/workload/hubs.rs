//! Hubs that relay: not everybody is linked to everybody, and yet has everybody's topics.

use super::mesh;
use crate::world::World;

/// Which hosts add which, and which of them relay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    /// A hub with spokes.
    Star,
    /// Two hubs that are linked, and spokes on both.
    TwoHubs,
    /// Four hubs in a row, with a spoke at each end.
    Chain,
    /// Four hubs in a ring, with spokes on two of them.
    Ring,
}

/// A host begins a life.
pub(super) fn begin(world: &mut World, host: usize, shape: Shape) {
    world.with(host, |driver| {
        driver.with(|node, _| node.set_relay(shape.is_hub(host)));
    });
    mesh::begin(world, host);
}

impl Shape {
    pub(super) fn of(number: u64) -> Self {
        [Self::Star, Self::TwoHubs, Self::Chain, Self::Ring][(number % 4) as usize]
    }

    /// How many hosts there are.
    pub(super) fn hosts(self) -> usize {
        match self {
            Self::Star | Self::TwoHubs => 4,
            Self::Chain | Self::Ring => 6,
        }
    }

    fn is_hub(self, host: usize) -> bool {
        match self {
            Self::Star => host == 0,
            Self::TwoHubs => host < 2,
            Self::Chain | Self::Ring => host < 4,
        }
    }

    /// Whether two hosts add each other.
    pub(super) fn links(self, a: usize, b: usize) -> bool {
        let (low, high) = (a.min(b), a.max(b));
        match self {
            Self::Star => low == 0 && high > 0,
            Self::TwoHubs => low < 2 && low != high,
            Self::Chain => matches!((low, high), (0, 1) | (1, 2) | (2, 3) | (0, 4) | (3, 5)),
            Self::Ring => matches!(
                (low, high),
                (0, 1) | (1, 2) | (2, 3) | (0, 3) | (0, 4) | (2, 5)
            ),
        }
    }
}
