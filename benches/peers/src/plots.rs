//! The results as pictures, in SVG. Both axes are logarithmic.

use std::path::Path;

use bench_child::Contender;
use plotters::prelude::*;

use crate::measure::{Results, Spread};

const SIZE: (u32, u32) = (800, 500);
/// Everybody has the same colour in all pictures.
const COLOURS: [(Contender, RGBColor); 9] = [
    (Contender::C, RGBColor(200, 30, 30)),
    (Contender::Rust, RGBColor(240, 140, 30)),
    (Contender::Zmq, RGBColor(30, 90, 200)),
    (Contender::Tcp64, RGBColor(150, 150, 150)),
    (Contender::Tcp256, RGBColor(90, 90, 90)),
    (Contender::Ring, RGBColor(150, 150, 150)),
    (Contender::Futex, RGBColor(90, 90, 90)),
    (Contender::Zenoh, RGBColor(30, 150, 90)),
    (Contender::Nats, RGBColor(130, 60, 160)),
];
/// How many times as many round trips there are as slower ones.
const PERCENTILES: [(&str, f64); 8] = [
    ("p1_ns", 1.0 / 0.99),
    ("p10_ns", 1.0 / 0.9),
    ("p25_ns", 1.0 / 0.75),
    ("p50_ns", 2.0),
    ("p75_ns", 4.0),
    ("p90_ns", 10.0),
    ("p99_ns", 100.0),
    ("p99.9_ns", 1000.0),
];

struct Line {
    contender: Contender,
    points: Vec<(f64, f64)>,
}

/// A picture: its file, what it shows, and its axes.
struct Picture {
    file: &'static str,
    title: &'static str,
    x: &'static str,
    y: &'static str,
    lines: Vec<Line>,
}

/// Draws what was measured; the files and their titles.
pub fn draw(results: &Results, folder: &Path) -> Result<Vec<(String, String)>, String> {
    let mut drawn = Vec::new();
    for picture in pictures(results) {
        if picture.lines.is_empty() {
            continue;
        }
        let path = folder.join(picture.file);
        draw_one(&picture, &path).map_err(|error| format!("{}: {error}", path.display()))?;
        drawn.push((picture.file.to_owned(), picture.title.to_owned()));
    }
    Ok(drawn)
}

fn pictures(results: &Results) -> [Picture; 5] {
    [
        Picture {
            file: "throughput-by-size.svg",
            title: "Messages delivered over TCP, by size of the payload",
            x: "bytes",
            y: "messages per second",
            lines: lines_by_number(results, "remote-", "rate_per_s"),
        },
        Picture {
            file: "round-trip-remote.svg",
            title: "Round trips over TCP, 64 bytes",
            x: "one of so many is slower",
            y: "microseconds",
            lines: lines_of_percentiles(results, "round-trip-remote"),
        },
        Picture {
            file: "round-trip-local.svg",
            title: "Round trips between two threads, 64 bytes",
            x: "one of so many is slower",
            y: "microseconds",
            lines: lines_of_percentiles(results, "round-trip-local"),
        },
        Picture {
            file: "cost-by-topics.svg",
            title: "Processor time of both ends for each message, by topics published in turn",
            x: "topics",
            y: "microseconds",
            lines: lines_by_number(results, "topics-", "cpu_s_per_million"),
        },
        Picture {
            file: "cost-by-subscribers.svg",
            title: "Processor time of all processes for each delivery, by subscribers",
            x: "subscribers",
            y: "microseconds",
            lines: lines_by_number(results, "fan-out-", "cpu_s_per_million"),
        },
    ]
}

/// A line for each contender, over the numbers at the end of the workloads' names.
fn lines_by_number(results: &Results, prefix: &str, metric: &str) -> Vec<Line> {
    let of = |&(contender, _): &(Contender, RGBColor)| {
        let measured = results.0.iter();
        let own = measured.filter(|it| it.contender == contender && it.metric == metric);
        let mut points: Vec<(f64, f64)> = own
            .filter_map(|it| {
                let number = it.workload.strip_prefix(prefix)?.parse().ok()?;
                Some((number, Spread::of(&it.values)?.median))
            })
            .collect();
        points.sort_by(|a, b| a.0.total_cmp(&b.0));
        Line { contender, points }
    };
    let lines = COLOURS.iter().map(of);
    lines.filter(|line| !line.points.is_empty()).collect()
}

fn lines_of_percentiles(results: &Results, workload: &str) -> Vec<Line> {
    let of = |&(contender, _): &(Contender, RGBColor)| {
        let point = |(metric, x): &(&str, f64)| {
            let spread = results.spread(workload, contender, metric)?;
            Some((*x, spread.median / 1000.0))
        };
        Line {
            contender,
            points: PERCENTILES.iter().filter_map(point).collect(),
        }
    };
    let lines = COLOURS.iter().map(of);
    lines.filter(|line| !line.points.is_empty()).collect()
}

fn draw_one(picture: &Picture, path: &Path) -> Result<(), Box<dyn std::error::Error>> {
    let area = SVGBackend::new(path, SIZE).into_drawing_area();
    area.fill(&WHITE)?;
    let points = || picture.lines.iter().flat_map(|line| &line.points);
    let (x, y) = (
        range(points().map(|it| it.0)),
        range(points().map(|it| it.1)),
    );
    let mut chart = ChartBuilder::on(&area)
        .caption(picture.title, ("sans-serif", 18))
        .margin(12)
        .x_label_area_size(44)
        .y_label_area_size(72)
        .build_cartesian_2d(x.log_scale(), y.log_scale())?;
    chart
        .configure_mesh()
        .x_desc(picture.x)
        .y_desc(picture.y)
        .light_line_style(WHITE)
        .x_label_formatter(&|value| crate::table::short(*value))
        .y_label_formatter(&|value| crate::table::short(*value))
        .draw()?;
    for line in &picture.lines {
        let colour = colour(line.contender);
        let style = colour.stroke_width(2);
        let marks = line
            .points
            .iter()
            .map(|at| Circle::new(*at, 3, colour.filled()));
        chart
            .draw_series(LineSeries::new(line.points.iter().copied(), style))?
            .label(line.contender.label())
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 20, y)], style));
        chart.draw_series(marks)?;
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperRight)
        .background_style(WHITE.mix(0.8))
        .border_style(BLACK.mix(0.3))
        .draw()?;
    area.present()?;
    Ok(())
}

/// With some room above and below.
fn range(values: impl Iterator<Item = f64> + Clone) -> std::ops::Range<f64> {
    let least = values.clone().fold(f64::INFINITY, f64::min);
    let most = values.fold(0.0, f64::max);
    least * 0.8..most * 1.6
}

fn colour(contender: Contender) -> RGBColor {
    let found = COLOURS.iter().find(|it| it.0 == contender);
    found.map_or(BLACK, |it| it.1)
}
