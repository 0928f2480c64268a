"use strict";
// Draws what stands in the page as JSON (`data-from` names it) into `data-chart` elements.
// A click on a group leads to the rows behind it: `data-drill` is the address of all of them.

// The address of the rows behind a group, and behind one series of it; "" where there is none.
function behind(to, data, index, series) {
  const key = data.keys?.[index], part = series?.key, group = data.group || "day";
  if (to === undefined || !key || (data.filters && !data.filters.includes(group))) return "";
  const address = new URL(to, location), by = data.split || "channel";
  if (group === "day") {
    address.searchParams.set("day_from", key);
    address.searchParams.set("day_to", key);
  } else {
    address.searchParams.set(group, key);
  }
  if (part === undefined) return address.href;
  if (!part || (data.filters && !data.filters.includes(by))) return "";
  if (by === "day") ["day_from", "day_to"].forEach((end) => address.searchParams.set(end, part));
  else address.searchParams.set(by, part);
  return address.href;
}

for (const place of document.querySelectorAll("[data-chart]")) {
  const data = JSON.parse(document.getElementById(place.dataset.from).textContent);
  if (!data.series.some((series) => series.data.some(Number))) {
    Object.assign(place, { textContent: place.dataset.empty, className: `${place.className} none` });
    place.dataset.drawn = "empty";
    continue;
  }
  THEME = THEMES[data.theme] || THEMES.clear;
  const chart = echarts.init(place, null, { renderer: "canvas" });
  chart.setOption({ animationDuration: 300, ...KINDS[data.kind || place.dataset.chart](data) });
  chart.on("click", (event) => {
    const named = data.series.find((series) => series.name === event.seriesName);
    const address = behind(place.dataset.drill, data, data.x.indexOf(event.name), named);
    if (address) location.assign(address);
  });
  chart.on("finished", () => { place.dataset.drawn = "yes"; });
  addEventListener("resize", () => chart.resize());
  const save = document.querySelector("[data-save-picture]");
  if (save) save.addEventListener("click", () => {
    const link = document.createElement("a");
    link.href = chart.getDataURL({ pixelRatio: 2, backgroundColor: THEME.ground });
    link.download = `${data.title}.png`;
    link.click();
  });
}

// The figures under the chart, for reading and for screen readers; each leads to its rows.
for (const body of document.querySelectorAll("[data-table]")) {
  const data = JSON.parse(document.getElementById(body.dataset.table).textContent);
  const figure = (value) => Number(value).toLocaleString("zh-CN", { minimumFractionDigits: data.money ? 2 : 0, maximumFractionDigits: 2 });
  const fill = (cell, text, address) => {
    if (!address) { cell.textContent = text; return; }
    const link = cell.appendChild(document.createElement("a"));
    link.href = address;
    link.textContent = text;
  };
  data.x.forEach((name, index) => {
    const row = body.insertRow();
    fill(row.insertCell(), name, behind(body.dataset.drill, data, index));
    for (const series of data.series) {
      const cell = row.insertCell(), value = series.data[index];
      cell.className = "r";
      fill(cell, figure(value), value ? behind(body.dataset.drill, data, index, series) : "");
    }
  });
}

// Choosing draws at once.
for (const choice of document.querySelectorAll("[data-go]")) choice.addEventListener("change", () => choice.form.requestSubmit());
