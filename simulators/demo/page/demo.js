"use strict";
/* The page holds no state of its own but what is typed: every section comes from the server, which
   heard it on the real links, and every press goes back as one POST. */

const $ = (id) => document.getElementById(id);
const SVG = "http://www.w3.org/2000/svg";
const PASSWORD_LENGTH = 6;
const OLED_LIT = [168, 236, 255];
const OLED_DARK = [5, 9, 11];
const OLED_RIM = 0.72; // brightness of a lit cell's edge
const OLED_MARGIN = 24; // CSS pixels of dark glass left and right of the picture, together
const HEALTH_NAMES = { scanner: "扫码器", display: "显示屏", his_link: "HIS 线路", vpn: "专网", wechat: "微信", alipay: "支付宝", clock: "时钟", disk: "磁盘", journal: "账本", sync: "上传" };
const yuan = (fen) => (fen / 100).toFixed(2);
const BUZZER_HZ = 2700; // what a piezo buzzer on such a box sings
const BUZZER_GAIN = 0.04;
let sound = null;
let chosen = null; // the row of the HIS that its buttons mean
let typed = ""; // the password so far

function make(tag, properties = {}, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
}

/* ---- to the server ---- */

async function act(action, body = {}) {
  const answer = await fetch(`/do/${action}`, { method: "POST", body: JSON.stringify(body) });
  if (answer.ok) return true;
  toast((await answer.json()).message);
  return false;
}

function toast(text) {
  $("toast").textContent = text;
  $("toast").hidden = false;
  clearTimeout(toast.timer);
  toast.timer = setTimeout(() => { $("toast").hidden = true; }, 4000);
}

/* ---- the HIS ---- */

function showHis(his) {
  $("his-desk").textContent = `${his.desk} · ${his.operator}`;
  $("his-cable").setAttribute("aria-pressed", his.up);
  $("wire").dataset.up = his.up;
  $("his-cable").textContent = his.up ? "线路已连 · 拔线" : "线路已断 · 插回";
  if (!$("business").options.length) {
    $("business").append(...his.businesses.map(([value, text]) => make("option", { value, textContent: text })));
    $("business").value = "outpatient_fee";
  }
  if (his.newest !== showHis.newest) { chosen = his.newest; showHis.newest = his.newest; }
  $("charges").replaceChildren(...(his.rows.length ? his.rows.map(chargeRow) : [emptyRow()]));
  const row = his.rows.find((r) => r.id === chosen);
  showVerdict(row, his.complaint);
  for (const name of ["cancel", "query", "refund", "reverse"]) $(name).disabled = !row?.can.includes(name);
}

function emptyRow() {
  return make("tr", {}, make("td", { colSpan: 5, className: "empty", textContent: "还没有收费。填好金额，按“收款”。" }));
}

function chargeRow(row) {
  const tag = make("span", { className: "tag", textContent: row.text });
  tag.dataset.tone = row.tone;
  const pick = make("button", { type: "button", textContent: row.id });
  const line = make("tr", { className: row.kind },
    make("td", {}, pick), make("td", { textContent: row.name }), make("td", { textContent: row.item }),
    make("td", { className: "num", textContent: yuan(row.amount_fen) }), make("td", {}, tag));
  line.setAttribute("aria-selected", row.id === chosen);
  line.onclick = () => { chosen = row.id; showHis(sections.his); };
  return line;
}

function showVerdict(row, complaint) {
  const verdict = $("verdict");
  verdict.dataset.tone = row?.tone ?? "quiet";
  verdict.replaceChildren(row ? `¥${yuan(row.amount_fen)} ${row.text}` : "等待收费员开单", make("small", { textContent: complaint || (row?.message ?? "") }));
}

function showFrames({ lines }) {
  const list = $("frames");
  const following = list.scrollTop + list.clientHeight > list.scrollHeight - 30;
  list.replaceChildren(...lines.map((line) => {
    const item = make("li", {}, make("time", { textContent: line.at }), make("b", { textContent: line.way === "out" ? "→" : "←" }),
      make("span", { textContent: line.text }), make("code", { textContent: line.hex }));
    item.dataset.way = line.way;
    return item;
  }));
  if (following) list.scrollTop = list.scrollHeight;
  if (lines.length) runLight(lines.at(-1).way);
}

/* A light runs along the cable the way the last frame went. */
function runLight(way) {
  delete $("wire").dataset.way;
  void $("wire").offsetWidth; // lets the same animation begin again
  $("wire").dataset.way = way;
}

/* ---- the box ---- */

function showBox(box) {
  const pedestal = $("pedestal");
  pedestal.dataset.power = box.power;
  pedestal.dataset.scan = box.scan;
  const on = box.power === "running" || box.power === "starting";
  $("power").setAttribute("aria-label", on ? "拔电源" : "重新上电");
  $("power").lastElementChild.textContent = on ? "拔电源" : "重新上电";
  $("saying").textContent = box.saying;
  $("box-trouble").textContent = box.trouble;
  $("present").disabled = box.power !== "running";
}

function showLamp(lamp) {
  $("lamp-green").classList.toggle("on", lamp.green);
  $("lamp-red").classList.toggle("on", lamp.red);
  $("buzzer").classList.toggle("on", lamp.buzzer);
  sound?.gain.gain.setTargetAtTime(lamp.buzzer ? BUZZER_GAIN : 0, sound.context.currentTime, 0.004);
}

/* Silent until somebody asks to hear it: browsers want a press first, and so do people. */
function toggleSound() {
  if (sound) {
    sound.context.close();
    sound = null;
  } else {
    const context = new AudioContext();
    const gain = new GainNode(context, { gain: 0 });
    const tone = new OscillatorNode(context, { type: "square", frequency: BUZZER_HZ });
    tone.connect(gain).connect(context.destination);
    tone.start();
    sound = { context, gain };
  }
  $("buzzer").setAttribute("aria-pressed", sound !== null);
}

async function showGlass({ version }) {
  const picture = new Image();
  picture.src = `/screen.png?${version}`;
  try { await picture.decode(); } catch { return; }
  drawOled(picture);
}

/* Each pixel of the box's picture becomes a whole number of the screen's own pixels, with a dimmer
   rim like the cells of the real glass: no blur and no moiré at any width. */
function drawOled(picture) {
  drawOled.last = picture;
  const { width, height } = picture;
  const canvas = $("oled");
  const cell = Math.max(1, Math.floor((canvas.parentElement.clientWidth - OLED_MARGIN) * devicePixelRatio / width));
  canvas.width = width * cell;
  canvas.height = height * cell;
  canvas.style.width = `${canvas.width / devicePixelRatio}px`;
  const levels = readLevels(picture);
  const glass = canvas.getContext("2d");
  glass.fillStyle = oledColour(0);
  glass.fillRect(0, 0, canvas.width, canvas.height);
  levels.forEach((level, i) => {
    if (level < 0.1) return;
    const [x, y] = [(i % width) * cell, Math.floor(i / width) * cell];
    glass.fillStyle = oledColour(level * OLED_RIM);
    glass.fillRect(x, y, cell, cell);
    glass.fillStyle = oledColour(level);
    const lit = Math.max(1, cell - 1); // one pixel a cell has no room for a rim
    glass.fillRect(x, y, lit, lit);
  });
}

function readLevels(picture) {
  const small = new OffscreenCanvas(picture.width, picture.height).getContext("2d");
  small.drawImage(picture, 0, 0);
  const { data } = small.getImageData(0, 0, picture.width, picture.height);
  return Array.from({ length: data.length / 4 }, (_, i) => data[4 * i] / 255);
}

const oledColour = (level) => `rgb(${OLED_LIT.map((lit, n) => Math.round(OLED_DARK[n] + (lit - OLED_DARK[n]) * level))})`;

function showHealth({ parts }) {
  $("health").replaceChildren(...parts.map((part) => {
    const item = make("li", { textContent: HEALTH_NAMES[part.part] ?? part.part, title: part.text });
    item.dataset.state = part.state;
    return item;
  }));
}

/* ---- the phone ---- */

function showPhone(phone) {
  const sheet = $("phone");
  sheet.dataset.wallet = phone.wallet;
  $("lane-provider").textContent = phone.provider;
  for (const wallet of ["wechat", "alipay"]) $(`tab-${wallet}`).setAttribute("aria-selected", wallet === phone.wallet);
  for (const page of document.querySelectorAll("[data-page]")) page.hidden = page.dataset.page !== phone.page;
  if (phone.code !== showPhone.code) drawCode(phone);
  $("payee").textContent = phone.payee;
  $("password-sum").textContent = $("paid-sum").textContent = phone.amount_fen ? `¥${yuan(phone.amount_fen)}` : "";
  $("failed-title").textContent = phone.title;
  $("failed-text").textContent = phone.message;
  $("receipt").replaceChildren(...phone.receipt.flatMap(([term, text]) => [make("dt", { textContent: term }), make("dd", { textContent: text })]));
  if (phone.page !== showPhone.page) { typed = ""; showDots(); }
  if (phone.page === "password" && showPhone.page !== "password") $("pad").firstElementChild.focus({ preventScroll: true });
  showPhone.page = phone.page;
}

function drawCode(phone) {
  showPhone.code = phone.code;
  $("digits").textContent = phone.code;
  let x = 0;
  const bars = phone.bars.map((width, i) => { const piece = i % 2 ? "" : `M${x} 0h${width}v10h-${width}z`; x += width; return piece; });
  fillSvg($("bars"), `0 0 ${x} 10`, bars.join(""));
  const cells = phone.qr.flatMap((row, r) => [...row].map((dark, c) => (dark === "1" ? `M${c} ${r}h1v1h-1z` : "")));
  fillSvg($("qr"), "-1 -1 23 23", cells.join(""));
}

function fillSvg(svg, box, d) {
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", d);
  path.setAttribute("shape-rendering", "crispEdges");
  svg.setAttribute("viewBox", box);
  svg.replaceChildren(path);
}

function showDots() {
  [...$("dots").children].forEach((dot, i) => dot.classList.toggle("on", i < typed.length));
  $("dots").setAttribute("aria-label", `已输入 ${typed.length} 位`);
}

function press(key) {
  if (key === "放弃") { act("phone/give-up"); return; }
  typed = key === "⌫" ? typed.slice(0, -1) : (typed + key).slice(0, PASSWORD_LENGTH);
  showDots();
  if (typed.length === PASSWORD_LENGTH) { act("phone/password", { password: typed }); typed = ""; }
}

/* ---- what lies below ---- */

function showLuck(luck) {
  $("luck-hint").textContent = `下一个付款码：${luck.hint}`;
  const chips = luck.options.map((option) => {
    const chip = make("button", { type: "button", textContent: option.text, title: option.hint });
    chip.setAttribute("role", "radio");
    chip.setAttribute("aria-checked", option.name === luck.chosen);
    chip.tabIndex = option.name === luck.chosen ? 0 : -1;
    chip.dataset.tone = option.tone;
    chip.dataset.name = option.name;
    chip.onclick = () => act("luck", { name: option.name });
    return chip;
  });
  const kept = $("luck").contains(document.activeElement);
  $("luck").replaceChildren(...chips);
  if (kept) $("luck").querySelector("[aria-checked=true]")?.focus();
}

function moveLuck(event) {
  const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
  if (!step) return;
  event.preventDefault();
  const chips = [...$("luck").children];
  const at = chips.findIndex((chip) => chip.getAttribute("aria-checked") === "true");
  chips[(at + step + chips.length) % chips.length].click();
}

function showTimeline({ entries }) {
  $("timeline").replaceChildren(...entries.map((entry) => {
    const item = make("li", {}, make("time", { textContent: `${entry.ms} ms` }), entry.origin === entry.target ? note(entry) : hop(entry));
    item.dataset.tone = entry.tone;
    return item;
  }));
}

function note(entry) {
  const element = make("span", { className: "note", textContent: entry.text });
  element.style.gridColumn = `${entry.origin + 1}`;
  return element;
}

function hop(entry) {
  const [left, right] = [Math.min(entry.origin, entry.target), Math.max(entry.origin, entry.target)];
  const element = make("span", { className: `hop ${entry.origin < entry.target ? "right" : "left"}`, textContent: entry.text });
  element.style.gridColumn = `${left + 1} / ${right + 2}`;
  element.style.setProperty("--span", right - left + 1);
  return element;
}

function showParts({ list }) {
  $("parts").replaceChildren(...list.map((part) => {
    const item = make("li", { textContent: part.text, title: part.detail });
    item.dataset.state = part.state;
    if (part.state === "dead") item.append(make("button", { type: "button", textContent: "重启", onclick: () => act("restart", { name: part.name }) }));
    return item;
  }));
}

/* ---- wiring ---- */

const sections = {};
const SHOW = { his: showHis, frames: showFrames, box: showBox, lamp: showLamp, health: showHealth, glass: showGlass, phone: showPhone, luck: showLuck, timeline: showTimeline, parts: showParts };

function listen() {
  const source = new EventSource("/events");
  source.onmessage = (message) => {
    for (const [name, value] of Object.entries(JSON.parse(message.data))) {
      sections[name] = value;
      SHOW[name]?.(value);
    }
  };
  source.onerror = () => showParts({ list: [{ text: "演示程序已断开", state: "dead-page", detail: "" }] });
}

function askRefund() {
  const row = sections.his.rows.find((r) => r.id === chosen);
  $("refund-what").textContent = `${row.id} ${row.name}，可退 ¥${yuan(row.amount_fen - row.refunded_fen)}`;
  $("refund-amount").value = yuan(row.amount_fen - row.refunded_fen);
  $("refund-dialog").showModal();
  $("refund-amount").select();
}

function wire() {
  $("his-form").onsubmit = (event) => { event.preventDefault(); act("his/pay", Object.fromEntries(new FormData(event.target))); };
  for (const button of document.querySelectorAll("[data-act]")) button.onclick = () => act(button.dataset.act, { id: chosen });
  $("refund").onclick = askRefund;
  $("refund-form").onsubmit = () => act("his/refund", { id: chosen, amount: $("refund-amount").value });
  $("refund-no").onclick = () => $("refund-dialog").close();
  $("his-cable").onclick = () => act("his/cable", { up: !sections.his.up });
  $("power").onclick = () => act(["running", "starting"].includes(sections.box.power) ? "box/power-off" : "box/power-on");
  for (const wallet of ["wechat", "alipay"]) $(`tab-${wallet}`).onclick = () => act("phone/wallet", { wallet });
  $("refresh").onclick = () => act("phone/new-code");
  $("present").onclick = present;
  $("buzzer").onclick = toggleSound;
  $("luck").onkeydown = moveLuck;
  new ResizeObserver(() => drawOled.last && drawOled(drawOled.last)).observe($("oled").parentElement);
  $("pad").append(...["1", "2", "3", "4", "5", "6", "7", "8", "9", "放弃", "0", "⌫"].map((key) =>
    make("button", { type: "button", textContent: key, className: /\d/.test(key) ? "" : "quiet", onclick: () => press(key) })));
  document.onkeydown = (event) => {
    if (showPhone.page !== "password" || event.target.matches("input, select, dialog *") || !/^(\d|Backspace)$/.test(event.key)) return;
    event.preventDefault();
    press(event.key === "Backspace" ? "⌫" : event.key);
  };
  const tick = () => { $("phone-clock").textContent = new Date().toTimeString().slice(0, 5); };
  tick();
  setInterval(tick, 10000);
}

function present() {
  $("phone").classList.add("near");
  setTimeout(() => act("phone/present"), 250);
  setTimeout(() => $("phone").classList.remove("near"), 900);
}

wire();
listen();
