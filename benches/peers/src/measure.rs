//! Figures: what one run gives, and what all runs of a workload together say.

use bench_child::Contender;
use serde::{Deserialize, Serialize};

use crate::settings::Settings;

/// The figures of one run, by metric.
pub type Sample = Vec<(String, f64)>;

/// Measures once.
pub type Run = Box<dyn Fn(&Settings) -> Result<Sample, String>>;

/// Something to be measured: a workload with a contender.
pub struct Case {
    pub workload: String,
    pub contender: Contender,
    pub run: Run,
}

/// Cases that are measured in turn, so that their ratios mean something.
pub struct Group {
    pub name: &'static str,
    pub cases: Vec<Case>,
}

impl Group {
    /// Where little moves, there is nothing to count.
    pub fn counts_syscalls(&self) -> bool {
        !["subscriptions", "idle-peers", "recovery"].contains(&self.name)
    }
}

/// All values of a metric, one for each round.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Measurement {
    pub workload: String,
    pub contender: Contender,
    /// Its name ends with its unit.
    pub metric: String,
    pub values: Vec<f64>,
}

/// A median and how far the values spread.
#[derive(Debug, Clone, Copy)]
pub struct Spread {
    pub median: f64,
    pub min: f64,
    pub max: f64,
}

impl Spread {
    pub fn of(values: &[f64]) -> Option<Self> {
        let mut sorted = values.to_vec();
        sorted.sort_by(f64::total_cmp);
        Some(Self {
            median: *sorted.get(sorted.len() / 2)?,
            min: *sorted.first()?,
            max: *sorted.last()?,
        })
    }
}

/// Everything measured.
#[derive(Debug, Default)]
pub struct Results(pub Vec<Measurement>);

impl Results {
    pub fn add(&mut self, case: &Case, sample: Sample) {
        for (metric, value) in sample {
            match self.position(&case.workload, case.contender, &metric) {
                Some(at) => self.0[at].values.push(value),
                None => self.0.push(Measurement {
                    workload: case.workload.clone(),
                    contender: case.contender,
                    metric,
                    values: vec![value],
                }),
            }
        }
    }

    fn position(&self, workload: &str, contender: Contender, metric: &str) -> Option<usize> {
        self.0.iter().position(|it| {
            it.workload == workload && it.contender == contender && it.metric == metric
        })
    }

    pub fn values(&self, workload: &str, contender: Contender, metric: &str) -> &[f64] {
        let at = self.position(workload, contender, metric);
        at.map_or(&[], |at| &self.0[at].values)
    }

    pub fn spread(&self, workload: &str, contender: Contender, metric: &str) -> Option<Spread> {
        Spread::of(self.values(workload, contender, metric))
    }

    /// The ratio of each round, of what was measured right after one another.
    pub fn ratio(&self, above: Figure, below: Figure) -> Option<Spread> {
        let [above, below] =
            [above, below].map(|it| self.values(it.workload, it.contender, it.metric));
        let ratios: Vec<f64> = above.iter().zip(below).map(|(a, b)| a / b).collect();
        Spread::of(&ratios)
    }
}

/// A metric of a case.
#[derive(Debug, Clone, Copy)]
pub struct Figure<'a> {
    pub workload: &'a str,
    pub contender: Contender,
    pub metric: &'a str,
}
