"use strict";
// Draws what stands in the page as JSON (`data-from` names it) into `data-chart` elements.
// `data-drill` is an address with {x}: a click on a column leads to the rows behind it.
const INK = "#17302b", SOFT = "#5d716c", LINE = "#dbe5e2", COLOURS = ["#0b7d6b", "#2f7fd1", "#d99a1c", "#9b59b6", "#c0564f", "#5d716c"];

const axis = { axisLine: { lineStyle: { color: LINE } }, axisTick: { show: false }, axisLabel: { color: SOFT }, splitLine: { lineStyle: { color: "#edf2f0" } } };

const OPTIONS = {
  stack: (data) => ({
    color: COLOURS, textStyle: { color: INK }, tooltip: { trigger: "axis", valueFormatter: (v) => Number(v).toLocaleString("zh-CN", { minimumFractionDigits: 2 }) },
    legend: { top: 0, right: 0, icon: "roundRect", itemWidth: 10, itemHeight: 10 }, grid: { left: 8, right: 8, top: 32, bottom: 4, containLabel: true },
    xAxis: { type: "category", data: data.x, ...axis }, yAxis: { type: "value", ...axis },
    series: data.series.map((s) => ({ ...s, type: "bar", stack: "all", barMaxWidth: 28 })),
  }),
};

for (const place of document.querySelectorAll("[data-chart]")) {
  const data = JSON.parse(document.getElementById(place.dataset.from).textContent);
  const chart = echarts.init(place, null, { renderer: "canvas" });
  chart.setOption(OPTIONS[place.dataset.chart](data));
  if (place.dataset.drill) chart.on("click", (event) => location.assign(place.dataset.drill.replaceAll("{x}", encodeURIComponent(event.name))));
  addEventListener("resize", () => chart.resize());
}
