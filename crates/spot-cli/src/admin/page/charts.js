// Rates, from counters that are asked for each second.
/* global uPlot */
import { byId, element, rate as shown, say } from "./dom.js";

const POINTS = 300;
const HEIGHT_PX = 180;
const LEAST_SPAN_S = 60;

// Each line has a colour (in the style sheet) and a pattern of its own.
const CHARTS = [
  { id: "traffic-chart", lines: [
    { key: "received_messages", label: "received", dash: [] },
    { key: "published_messages", label: "published", dash: [8, 4] },
    { key: "relayed_messages", label: "relayed", dash: [2, 3] },
  ] },
  { id: "losses-chart", lines: [
    { key: "missed_messages", label: "missed on the way here", dash: [] },
    { key: "dropped_at_sender", label: "dropped at full links", dash: [8, 4] },
    { key: "dropped_at_receiver", label: "dropped at full subscribers", dash: [2, 3] },
  ] },
];

let before;
const times = [];

export function drawCharts(state, path) {
  const node = state.answers["/api/v1/node"];
  if (path !== "/api/v1/node" || !node) return;
  // The node's own clock: how long an answer took to come is no matter.
  const seconds = before && node.node === before.node ? node.uptime_seconds - before.uptime_seconds : 0;
  if (state.failing.has(path)) {
    add(() => null);
  } else if (seconds > 0) {
    const old = before.stats;
    add((key) => (node.stats[key] - old[key]) / seconds);
  }
  before = node;
}

function add(rateOf) {
  times.push(Date.now() / 1000);
  if (times.length > POINTS) times.shift();
  for (const chart of CHARTS) {
    chart.plot ??= begin(chart);
    for (const line of chart.lines) {
      const rate = rateOf(line.key);
      line.rates.push(rate);
      if (line.rates.length > POINTS) line.rates.shift();
      say(line.now, rate === null ? "–" : shown(rate));
    }
    chart.plot.setData(data(chart));
  }
}

const clock = (seconds) => new Date(seconds * 1000).toTimeString().slice(0, 8);
const data = (chart) => [times, ...chart.lines.map((line) => line.rates)];

/** The legend is text beside the picture: it says the present values to those who do not see that. */
function begin(chart) {
  const place = byId(chart.id);
  const legend = element("dl", { class: "rates" });
  chart.lines.forEach((line, index) => {
    line.rates = [];
    line.now = element("dd", { "data-rate": line.key }, "–");
    legend.append(element("div", { class: `line-${index}` }, element("dt", {}, line.label), line.now));
  });
  const picture = element("div", { class: "plot", "aria-hidden": "true" });
  place.replaceChildren(legend, picture);
  new ResizeObserver(() => {
    if (picture.clientWidth) chart.plot.setSize({ width: picture.clientWidth, height: HEIGHT_PX });
  }).observe(picture);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
    chart.plot.destroy();
    chart.plot = plotted(chart, picture);
  });
  return plotted(chart, picture);
}

function plotted(chart, picture) {
  const style = getComputedStyle(picture);
  const colour = (name) => style.getPropertyValue(`--${name}`).trim();
  const axis = { stroke: colour("quiet"), grid: { stroke: colour("line"), width: 1 }, ticks: { stroke: colour("line") } };
  const options = {
    width: picture.clientWidth || 300, height: HEIGHT_PX,
    legend: { show: false }, cursor: { show: false },
    scales: {
      x: { range: (plot, from, to) => [Math.min(from, to - LEAST_SPAN_S), to] },
      // Silence is a line at the bottom.
      y: { range: (plot, least, most) => [0, Math.max(1, (most ?? 0) * 1.1)] },
    },
    axes: [{ ...axis, space: 80, values: (plot, ticks) => ticks.map(clock) }, { ...axis, size: 56, values: (plot, ticks) => ticks.map(shown) }],
    series: [{}, ...chart.lines.map((line, index) => (
      { label: line.label, stroke: colour(`line-${index}`), width: 2, dash: line.dash, points: { show: false } }
    ))],
  };
  return new uPlot(options, data(chart), picture);
}
