"use strict";
// Draws what stands in the page as JSON (`data-from` names it) into `data-chart` elements.
// A click on a group leads to the rows behind it: `data-drill` is the report's address.

function drill(place, data, name) {
  const index = data.x.indexOf(name);
  if (index < 0) return;
  const key = data.keys ? data.keys[index] : name, address = new URL(place.dataset.drill, location);
  if ((data.group || "day") === "day") {
    address.searchParams.set("day_from", key);
    address.searchParams.set("day_to", key);
  } else {
    address.searchParams.set(data.group, key);
  }
  location.assign(address);
}

for (const place of document.querySelectorAll("[data-chart]")) {
  const data = JSON.parse(document.getElementById(place.dataset.from).textContent);
  THEME = THEMES[data.theme] || THEMES.clear;
  const chart = echarts.init(place, null, { renderer: "canvas" });
  chart.setOption({ animationDuration: 300, ...KINDS[data.kind || place.dataset.chart](data) });
  if (place.dataset.drill) chart.on("click", (event) => drill(place, data, event.name));
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

// The figures under the chart, for reading and for screen readers.
for (const body of document.querySelectorAll("[data-table]")) {
  const data = JSON.parse(document.getElementById(body.dataset.table).textContent);
  data.x.forEach((name, index) => {
    const row = body.insertRow();
    row.insertCell().textContent = name;
    for (const series of data.series) {
      const cell = row.insertCell();
      cell.className = "r";
      cell.textContent = amount(series.data[index]);
    }
  });
}

// Choosing draws at once.
for (const choice of document.querySelectorAll("select[data-go]")) choice.addEventListener("change", () => choice.form.requestSubmit());
