//! Which hosts add which, and which of them relay.

/// The plan of a cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    /// Everybody adds everybody.
    Mesh,
    /// A hub with spokes.
    Star,
    /// Two hubs that are linked, and spokes on both.
    TwoHubs,
    /// Four hubs in a row, with a spoke at each end.
    Chain,
    /// Four hubs in a ring, with spokes on two of them.
    Ring,
}

impl Shape {
    /// Half of the worlds are meshes.
    pub(crate) fn of(seed: u64) -> Self {
        match seed % 8 {
            1 => Self::Star,
            3 => Self::TwoHubs,
            5 => Self::Chain,
            7 => Self::Ring,
            _ => Self::Mesh,
        }
    }

    pub(crate) fn hosts(self, seed: u64) -> usize {
        match self {
            Self::Mesh | Self::Star => 3 + (seed % 3) as usize,
            Self::TwoHubs => 4,
            Self::Chain | Self::Ring => 6,
        }
    }

    pub(crate) fn is_hub(self, host: usize) -> bool {
        match self {
            Self::Mesh => false,
            Self::Star => host == 0,
            Self::TwoHubs => host < 2,
            Self::Chain | Self::Ring => host < 4,
        }
    }

    /// Whether two hosts add each other.
    pub(crate) fn links(self, a: usize, b: usize) -> bool {
        let (low, high) = (a.min(b), a.max(b));
        match self {
            Self::Mesh => low != high,
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
