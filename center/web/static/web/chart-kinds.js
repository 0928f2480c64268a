"use strict";
// One function a kind of chart: {x, series:[{name, data}], measure} -> an ECharts option.
// A kind that needs one series takes the sum of all; nothing is drawn that is not in the data,
// except what a kind is for: a trend, a forecast, a curve, and these are named as such.

const THEMES = {
  clear: { ink: "#17302b", soft: "#5d716c", line: "#dbe5e2", ground: "#ffffff", colours: ["#0b7d6b", "#2f7fd1", "#d99a1c", "#9b59b6", "#c0564f", "#5d716c", "#3aa76d", "#7d8ce0", "#b98b5e", "#d36ba6", "#4d9aa8", "#8a9a5b"] },
  warm: { ink: "#4a2c1d", soft: "#8c6d5a", line: "#eadfd6", ground: "#fffaf5", colours: ["#c8553d", "#f28f3b", "#588b8b", "#93748a", "#d4a373", "#a44a3f", "#e9c46a", "#6d597a", "#b56576", "#355070", "#bc6c25", "#606c38"] },
  dark: { ink: "#e6f1ee", soft: "#9fb5af", line: "#2c413c", ground: "#132420", colours: ["#35c9a8", "#6aa9ff", "#ffc857", "#c792ea", "#ff7b72", "#9fb5af", "#7ee787", "#79c0ff", "#d2a679", "#f778ba", "#56d4dd", "#c9d872"] },
};
let THEME = THEMES.clear;

const amount = (value) => Number(value).toLocaleString("zh-CN", { maximumFractionDigits: 2 });
const axis = () => ({ axisLine: { lineStyle: { color: THEME.line } }, axisTick: { show: false }, axisLabel: { color: THEME.soft, fontSize: 12.5, hideOverlap: true }, splitLine: { lineStyle: { color: THEME.line, opacity: 0.6 } }, nameTextStyle: { color: THEME.soft } });
const base = () => ({
  color: THEME.colours, backgroundColor: THEME.ground, textStyle: { color: THEME.ink, fontFamily: "inherit" },
  legend: { top: 4, right: 8, type: "scroll", icon: "roundRect", itemWidth: 10, itemHeight: 10, itemGap: 16, textStyle: { color: THEME.ink, fontSize: 13 } },
  grid: { left: 16, right: 24, top: 44, bottom: 12, containLabel: true },
});
const flat = (data, across) => ({
  ...base(), tooltip: { trigger: "axis", valueFormatter: amount },
  [across ? "yAxis" : "xAxis"]: { type: "category", data: data.x, ...axis() },
  [across ? "xAxis" : "yAxis"]: { type: "value", name: data.measure, ...axis() },
});
const total = (data) => data.x.map((_, i) => data.series.reduce((sum, s) => sum + Number(s.data[i] || 0), 0));
const parts = (data) => data.x.map((name, i) => ({ name, value: Math.round(total(data)[i] * 100) / 100 })).filter((p) => p.value !== 0);
const falling = (data) => parts(data).sort((a, b) => b.value - a.value);
const round2 = (n) => Math.round(n * 100) / 100;

// Least squares through (0, y0), (1, y1), ...
function straight(values) {
  const n = values.length, mx = (n - 1) / 2, my = values.reduce((a, b) => a + b, 0) / (n || 1);
  let up = 0, down = 0;
  values.forEach((y, x) => { up += (x - mx) * (y - my); down += (x - mx) ** 2; });
  const slope = down ? up / down : 0;
  return (x) => my + slope * (x - mx);
}
function spread(values) {
  const n = values.length || 1, mean = values.reduce((a, b) => a + b, 0) / n;
  return { mean, deviation: Math.sqrt(values.reduce((a, b) => a + (b - mean) ** 2, 0) / n) };
}
const bell = (x, mean, deviation) => Math.exp(-((x - mean) ** 2) / (2 * deviation ** 2)) / (deviation * Math.sqrt(2 * Math.PI));

// Two groupings as a graph: the groups and the series are its nodes, each sum an edge between them.
function graph(data) {
  const edges = [], weight = new Map();
  const add = (name, value) => weight.set(name, (weight.get(name) || 0) + value);
  data.series.forEach((s) => s.data.forEach((value, i) => {
    if (!value || s.name === data.x[i]) return;
    edges.push({ source: s.name, target: data.x[i], value: round2(value) });
    add(s.name, value); add(data.x[i], value);
  }));
  const most = Math.max(...weight.values(), 1), series = new Set(data.series.map((s) => s.name));
  const nodes = [...weight].map(([name, value]) => ({ name, value: round2(value), category: series.has(name) ? 0 : 1, symbolSize: 10 + 40 * Math.sqrt(value / most) }));
  const widest = Math.max(...edges.map((e) => e.value), 1);
  return { nodes, edges: edges.map((e) => ({ ...e, lineStyle: { width: 0.5 + 7 * (e.value / widest) } })) };
}
const graphed = (data, layout, more) => {
  const { nodes, edges } = graph(data);
  return { ...base(), legend: { show: false }, tooltip: { valueFormatter: amount },
    series: [{ type: "graph", layout, roam: true, data: nodes, links: edges, categories: [{}, {}], label: { show: true, color: THEME.ink, position: "right" }, lineStyle: { color: "source", opacity: 0.55, curveness: 0.2 }, ...more }] };
};

// The weeks of a daily series as candles: first, last, lowest and highest day.
function weeks(data) {
  const values = total(data), names = [], candles = [];
  for (let i = 0; i < values.length; i += 7) {
    const week = values.slice(i, i + 7);
    names.push(data.x[i]);
    candles.push([week[0], week[week.length - 1], Math.min(...week), Math.max(...week)].map(round2));
  }
  return { names, candles };
}
const box3d = (data, z) => ({
  ...base(), tooltip: { valueFormatter: amount }, legend: { show: false },
  xAxis3D: { type: "category", data: data.x, name: "", axisLabel: { color: THEME.soft } },
  yAxis3D: { type: "category", data: data.series.map((s) => s.name), name: "", axisLabel: { color: THEME.soft } },
  zAxis3D: { type: "value", name: z, nameGap: 36, axisLabel: { color: THEME.soft } },
  grid3D: { boxWidth: 180, boxDepth: 70, axisLine: { lineStyle: { color: THEME.soft } }, light: { main: { intensity: 1.1 }, ambient: { intensity: 0.45 } }, viewControl: { alpha: 22, beta: 30, distance: 235 } },
});
const points3d = (data) => data.series.flatMap((s, y) => s.data.map((value, x) => [x, y, value]));

const KINDS = {
  column: (d) => ({ ...flat(d), series: d.series.map((s) => ({ ...s, type: "bar", barMaxWidth: 28, itemStyle: { borderRadius: [3, 3, 0, 0] } })) }),
  stack: (d) => ({ ...flat(d), series: d.series.map((s) => ({ ...s, type: "bar", stack: "all", barMaxWidth: 28 })) }),
  bar: (d) => ({ ...flat(d, true), series: d.series.map((s) => ({ ...s, type: "bar", barMaxWidth: 22, itemStyle: { borderRadius: [0, 3, 3, 0] } })) }),
  rows: (d) => ({ ...KINDS.stack(d), ...{ xAxis: flat(d, true).xAxis, yAxis: { ...flat(d, true).yAxis, inverse: true } } }),
  line: (d) => ({ ...flat(d), series: d.series.map((s) => ({ ...s, type: "line", symbolSize: 6 })) }),
  area: (d) => ({ ...flat(d), series: d.series.map((s) => ({ ...s, type: "line", stack: "all", symbol: "none", areaStyle: { opacity: 0.5 } })) }),
  trend: (d) => {
    const values = total(d), line = straight(values), last = values.length - 1;
    return { ...flat(d), series: [{ name: d.measure, type: "line", data: values.map(round2), symbolSize: 6 }, { name: d.words.trend, type: "line", data: values.map((_, x) => (x === 0 || x === last ? round2(line(x)) : null)), connectNulls: true, symbol: "none", lineStyle: { type: "dashed" } }] };
  },
  forecast: (d) => {
    // Holt's linear smoothing over what is there; ahead a quarter of its length, seven steps at least.
    const values = total(d), ahead = Math.max(7, Math.round(values.length / 4));
    let level = values[0] || 0, slope = values.length > 1 ? values[1] - values[0] : 0;
    const errors = [];
    values.slice(1).forEach((y) => { const guess = level + slope; errors.push(y - guess); const next = 0.4 * y + 0.6 * guess; slope = 0.1 * (next - level) + 0.9 * slope; level = next; });
    const { deviation } = spread(errors.length ? errors : [0]);
    const last = values.length - 1, gap = Array(Math.max(last, 0)).fill(null);
    const to = (f) => [...gap, round2(values[last] || 0), ...Array.from({ length: ahead }, (_, n) => round2(f(n + 1)))];
    const x = [...d.x, ...Array.from({ length: ahead }, (_, n) => `+${n + 1}`)];
    return { ...flat({ ...d, x }), series: [{ name: d.measure, type: "line", data: values.map(round2), symbolSize: 5 }, { name: d.words.forecast, type: "line", data: to((n) => level + n * slope), lineStyle: { type: "dashed" }, symbol: "none" }, { name: "± 2σ", type: "line", data: to((n) => level + n * slope + 2 * deviation * Math.sqrt(n)), symbol: "none", lineStyle: { opacity: 0.35 } }, { name: "± 2σ", type: "line", data: to((n) => level + n * slope - 2 * deviation * Math.sqrt(n)), symbol: "none", lineStyle: { opacity: 0.35 } }] };
  },
  candlestick: (d) => {
    const { names, candles } = weeks(d);
    return { ...flat({ ...d, x: names }), series: [{ name: d.measure, type: "candlestick", data: candles, itemStyle: { color: THEME.colours[4], color0: THEME.colours[0], borderColor: THEME.colours[4], borderColor0: THEME.colours[0] } }] };
  },
  sparkline: (d) => ({
    ...base(), tooltip: { trigger: "axis", valueFormatter: amount }, legend: { show: false },
    grid: d.series.map((_, i) => ({ left: 150, right: 24, top: 16 + i * 44, height: 30 })),
    title: d.series.map((s, i) => ({ text: s.name, left: 8, top: 20 + i * 44, textStyle: { fontSize: 13, fontWeight: "normal", color: THEME.ink } })),
    xAxis: d.series.map((_, i) => ({ gridIndex: i, type: "category", data: d.x, show: false })),
    yAxis: d.series.map((_, i) => ({ gridIndex: i, type: "value", show: false })),
    series: d.series.map((s, i) => ({ ...s, type: "line", xAxisIndex: i, yAxisIndex: i, symbol: "none", areaStyle: { opacity: 0.15 }, lineStyle: { width: 1.5 } })),
  }),
  pareto: (d) => {
    const sorted = falling(d), all = sorted.reduce((sum, p) => sum + p.value, 0) || 1;
    let so = 0;
    return { ...flat({ ...d, x: sorted.map((p) => p.name) }), yAxis: [{ type: "value", name: d.measure, ...axis() }, { type: "value", max: 100, ...axis(), axisLabel: { color: THEME.soft, formatter: "{value}%" }, splitLine: { show: false } }],
      series: [{ name: d.measure, type: "bar", barMaxWidth: 28, data: sorted.map((p) => p.value) }, { name: d.words.cumulative, type: "line", yAxisIndex: 1, data: sorted.map((p) => round2((100 * (so += p.value)) / all)) }] };
  },
  pie: (d) => ({ ...base(), tooltip: { trigger: "item", valueFormatter: amount }, series: [{ type: "pie", radius: "68%", center: ["50%", "54%"], data: parts(d), label: { color: THEME.ink, formatter: "{b} {d}%" } }] }),
  doughnut: (d) => ({ ...base(), tooltip: { trigger: "item", valueFormatter: amount }, series: [{ type: "pie", radius: ["44%", "70%"], center: ["50%", "54%"], data: parts(d), itemStyle: { borderColor: THEME.ground, borderWidth: 2 }, label: { color: THEME.ink, formatter: "{b} {d}%" } }] }),
  rose: (d) => ({ ...base(), tooltip: { trigger: "item", valueFormatter: amount }, series: [{ type: "pie", roseType: "area", radius: ["10%", "72%"], center: ["50%", "54%"], data: parts(d), label: { color: THEME.ink } }] }),
  funnel: (d) => ({ ...base(), tooltip: { trigger: "item", valueFormatter: amount }, series: [{ type: "funnel", left: "12%", right: "12%", top: 40, bottom: 16, data: falling(d), label: { color: THEME.ink } }] }),
  pyramid: (d) => ({ ...base(), tooltip: { trigger: "item", valueFormatter: amount }, series: [{ type: "funnel", sort: "ascending", left: "12%", right: "12%", top: 40, bottom: 16, data: falling(d), label: { color: THEME.ink } }] }),
  gauge: (d) => {
    const values = total(d), last = values[values.length - 1] || 0, most = Math.max(...values, 1);
    return { ...base(), series: [{ type: "gauge", max: round2(most), progress: { show: true, width: 16 }, axisLine: { lineStyle: { width: 16, color: [[1, THEME.line]] } }, axisLabel: { color: THEME.soft, formatter: amount }, pointer: { itemStyle: { color: THEME.colours[0] } }, data: [{ value: round2(last), name: d.x[d.x.length - 1] || "" }], title: { color: THEME.soft }, detail: { color: THEME.ink, formatter: amount } }] };
  },
  chord: (d) => {
    const { nodes, edges } = graph(d);
    return { ...base(), legend: { show: false }, tooltip: { valueFormatter: amount }, series: [{ type: "chord", data: nodes.map(({ name, value }) => ({ name, value })), links: edges.map(({ source, target, value }) => ({ source, target, value })), label: { show: true, color: THEME.ink }, lineStyle: { color: "gradient", opacity: 0.5 } }] };
  },
  relation: (d) => graphed(d, "circular", { circular: { rotateLabel: true } }),
  network: (d) => graphed(d, "force", { force: { repulsion: 220, edgeLength: [40, 160] }, draggable: true }),
  scatter: (d) => ({ ...flat(d), tooltip: { trigger: "item", valueFormatter: amount }, series: d.series.map((s) => ({ ...s, type: "scatter", symbolSize: 9, itemStyle: { opacity: 0.75 } })) }),
  normal: (d) => {
    const values = total(d), { mean, deviation } = spread(values), width = deviation || 1, bins = 12;
    const low = mean - 3 * width, step = (6 * width) / bins;
    const counts = Array.from({ length: bins }, (_, i) => values.filter((v) => v >= low + i * step && (v < low + (i + 1) * step || i === bins - 1)).length);
    const middle = counts.map((_, i) => low + (i + 0.5) * step);
    return { ...flat({ ...d, x: middle.map(amount), measure: "n" }), series: [{ name: "n", type: "bar", barWidth: "90%", data: counts, itemStyle: { opacity: 0.6 } }, { name: `μ ${amount(mean)}  σ ${amount(deviation)}`, type: "line", smooth: true, symbol: "none", data: middle.map((x) => round2(values.length * step * bell(x, mean, width))) }] };
  },
  function: (d) => {
    const values = total(d), line = straight(values), n = Math.max(values.length - 1, 1);
    const curve = Array.from({ length: 121 }, (_, i) => { const x = (n * i) / 120; return [round2(x), round2(line(x))]; });
    const slope = line(1) - line(0);
    return { ...base(), tooltip: { trigger: "axis", valueFormatter: amount }, xAxis: { type: "value", ...axis() }, yAxis: { type: "value", name: d.measure, ...axis() },
      series: [{ name: d.measure, type: "scatter", data: values.map((y, x) => [x, round2(y)]), symbolSize: 7 }, { name: `y = ${amount(slope)} x + ${amount(line(0))}`, type: "line", symbol: "none", data: curve }] };
  },
  column3d: (d) => ({ ...box3d(d, d.measure), visualMap: { show: false, max: Math.max(...d.series.flatMap((s) => s.data), 1), inRange: { color: [THEME.colours[1], THEME.colours[0], THEME.colours[2]] } }, series: [{ type: "bar3D", shading: "lambert", data: points3d(d) }] }),
  line3d: (d) => ({ ...box3d(d, d.measure), series: d.series.map((s, y) => ({ type: "line3D", name: s.name, lineStyle: { width: 4, color: THEME.colours[y % THEME.colours.length] }, data: s.data.map((value, x) => [x, y, value]) })) }),
  scatter3d: (d) => ({ ...box3d(d, d.measure), visualMap: { show: false, dimension: 2, max: Math.max(...d.series.flatMap((s) => s.data), 1), inRange: { color: [THEME.colours[1], THEME.colours[0], THEME.colours[2]] } }, series: [{ type: "scatter3D", symbolSize: 9, data: points3d(d) }] }),
  surface: (d) => {
    const rows = d.series.length > 1 ? d.series : [...d.series, ...d.series];
    const most = Math.max(...rows.flatMap((s) => s.data), 1);
    const option = box3d(d, d.measure);
    return { ...option, xAxis3D: { type: "value", axisLabel: { color: THEME.soft } }, yAxis3D: { type: "value", axisLabel: { color: THEME.soft } }, visualMap: { show: false, dimension: 2, max: most, inRange: { color: [THEME.colours[1], THEME.colours[0], THEME.colours[2]] } },
      series: [{ type: "surface", wireframe: { show: true }, shading: "color", dataShape: [rows.length, d.x.length], data: rows.flatMap((s, y) => s.data.map((value, x) => [x, y, value])) }] };
  },
};
