// The ECG on its grid with the signed map behind it, as SVG in millimetres of ECG paper: 25 a second, 10 a mV.

const PER_SECOND = 25;
const PER_MILLIVOLT = 10;
const SHEET = 160; // height at most
const STRIP = 20; // height of the evidence over time
const BETWEEN = 9; // height of the row for what only the leads together show
const HIGHER = 6; // most that is added at the top for waves that leave their rows
// Logits a second at which a colour is full. On PTB-XL one position in a hundred goes beyond 0.9.
export const FULL = 1;
export const FULL_BY_LEAD = 0.25;

export function element(name, attributes = {}, text = null) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (text !== null) made.textContent = text;
  return made;
}

// Where the rows of leads lie: each as high as its lead needs, closer where that is more than a sheet of A4 holds.
export function layOut(columns, names, byLead) {
  const needs = columns.map((values) => {
    const [low, high] = values.reduce(([l, h], value) => [Math.min(l, value), Math.max(h, value)], [0, 0]);
    return [high, -low].map((value) => Math.max(4.5, Math.min(16, value * PER_MILLIVOLT + 1.5)));
  });
  const total = needs.flat().reduce((sum, need) => sum + need, 0);
  const part = Math.min(1, (SHEET - STRIP - 8 - (byLead ? BETWEEN : 0)) / total);
  const peaks = columns.map((values) => values.reduce((high, value) => Math.max(high, value), 0) * PER_MILLIVOLT);
  let top = 1;
  const rows = names.map((name, lead) => {
    const [above, below] = needs[lead].map((need) => need * part);
    const row = { name, lead, top, zero: top + above, bottom: top + above + below };
    top = row.bottom;
    return row;
  });
  const hidden = Math.max(0, ...rows.map(({ zero }, lead) => peaks[lead] + 1 - zero));
  const lower = Math.min(HIGHER, hidden);
  rows.forEach((row, lead) => Object.assign(row, { top: row.top + (lead ? lower : 0), zero: row.zero + lower, bottom: row.bottom + lower }));
  top += lower;
  if (byLead) rows.push({ name: "between leads", lead: null, top, zero: null, bottom: (top += BETWEEN) });
  return { rows, bottom: top + 1, height: top + 1 + STRIP + 6 };
}

// Draws `shown`: {columns, rate, names, evidence, byLead, padded, layout, from, to, cursor, map, className, seen}.
// evidence holds logits a second for each position, null where nothing was recorded; byLead a list of them by row.
export function drawEcg(svg, shown) {
  const { layout, from, to, rate } = shown;
  const [left, width] = [from * PER_SECOND, (to - from) * PER_SECOND];
  svg.setAttribute("viewBox", `${left} 0 ${width} ${layout.height}`);
  svg.style.setProperty("--width", `${width}mm`);
  const pixels = (svg.clientWidth || 1000) / width; // a millimetre of the paper
  const parts = document.createDocumentFragment();
  const fontSize = Math.max(3, 12 / pixels);
  parts.append(grid(left, width, layout.bottom, pixels));
  if (shown.map) parts.append(colours(shown));
  const gap = shown.padded.indexOf(true) / rate;
  if (gap >= 0 && gap < to) {
    const start = Math.max(gap, from) * PER_SECOND;
    parts.append(element("rect", { class: "padding", x: start, y: 0, width: left + width - start, height: layout.bottom }));
  }
  const [first, last] = [Math.max(0, Math.floor(from * rate) - 1), Math.ceil(to * rate) + 1];
  for (const { name, lead, zero, top } of layout.rows) {
    const place = { class: "halo", x: left + 0.8, y: lead === null ? top + 1.1 * fontSize : Math.max(zero - 3, top + fontSize) };
    if (lead !== null) {
      const points = Array.from(shown.columns[lead].slice(first, last), (value, t) =>
        `${(((first + t) / rate) * PER_SECOND).toFixed(2)} ${(zero - value * PER_MILLIVOLT).toFixed(2)}`);
      parts.append(element("path", { class: "trace", d: `M${points.join("L")}` }));
    }
    parts.append(element("text", { ...place, "font-size": fontSize, "stroke-width": fontSize / 5, "font-weight": 600 }, name));
  }
  parts.append(strip(shown, left, width, fontSize));
  if (shown.cursor !== null) parts.append(cursor(shown));
  svg.replaceChildren(parts);
}

function grid(left, width, height, pixels) {
  const group = element("g");
  const lines = (step, name, thickness) => {
    let path = "";
    for (let x = Math.ceil(left / step) * step; x <= left + width; x += step) path += `M${x} 0V${height}`;
    for (let y = 0; y <= height; y += step) path += `M${left} ${y}H${left + width}`;
    group.append(element("path", { class: name, d: path, fill: "none", "stroke-width": thickness }));
  };
  if (pixels >= 2.5) lines(1, "fine", 0.1);
  lines(5, "coarse", 0.2);
  return group;
}

const sides = (value) => (value > 0 ? "for" : "against");

function colours(shown) {
  const group = element("g", { "shape-rendering": "crispEdges" });
  const length = shown.cell / shown.rate;
  const paint = (values, top, bottom, full) =>
    values.forEach((value, position) => {
      const start = position * length;
      const strength = Math.min(Math.abs(value) / full, 1);
      if (value === null || strength < 0.01 || start >= shown.to || start + length <= shown.from) return;
      const place = { x: start * PER_SECOND, y: top, width: length * PER_SECOND, height: bottom - top };
      group.append(element("rect", { class: sides(value), "fill-opacity": (0.8 * strength).toFixed(3), ...place }));
    });
  if (shown.byLead) {
    shown.layout.rows.forEach(({ top, bottom }, row) => paint(shown.byLead[row], top, bottom, FULL_BY_LEAD));
  } else {
    paint(shown.evidence, 0, shown.layout.bottom, FULL);
  }
  return group;
}

// Evidence over time as bars about zero, with its mean, and the seconds.
function strip(shown, left, width, fontSize) {
  const group = element("g");
  const [top, reach] = [shown.layout.bottom + 1, STRIP / 2 - 1];
  const zero = top + STRIP / 2;
  const y = (value) => zero - Math.max(-1, Math.min(1, value / FULL)) * reach;
  const length = (shown.cell / shown.rate) * PER_SECOND;
  shown.evidence.forEach((value, position) => {
    const x = position * length;
    if (value === null || x + length <= left || x >= left + width) return;
    const bar = { x: x + 0.06 * length, width: 0.88 * length, y: Math.min(zero, y(value)), height: Math.abs(y(value) - zero) };
    group.append(element("rect", { class: sides(value), ...bar }));
  });
  const recorded = shown.evidence.filter((value) => value !== null);
  const mean = recorded.reduce((sum, value) => sum + value, 0) / recorded.length;
  group.append(element("path", { class: "axis", d: `M${left} ${zero}H${left + width}` }));
  group.append(element("path", { class: "axis mean", d: `M${left} ${y(mean)}H${left + width}` }));
  const label = (x, at, text, anchor = "start") =>
    group.append(element("text", {
      class: "halo", x, y: at, "font-size": fontSize * 0.92, "stroke-width": fontSize / 5, "text-anchor": anchor,
    }, text));
  label(left + 0.8, top + fontSize, `evidence, logits/s: +${FULL} for ${shown.className}`);
  label(left + 0.8, top + STRIP - 0.3, `\u2212${FULL} against it`);
  const step = [0.2, 0.5, 1, 2].find((each) => width / PER_SECOND / each <= 12) ?? 5;
  for (let tick = Math.ceil(shown.from / step + 1e-9); tick * step < shown.to - 0.02 * (shown.to - shown.from); tick++) {
    const x = tick * step * PER_SECOND;
    group.append(element("path", { class: "axis", d: `M${x} ${top + STRIP}v1` }));
    label(x, top + STRIP + 1 + fontSize, `${Number((tick * step).toFixed(1))} s`, "middle");
  }
  return group;
}

function cursor(shown) {
  const group = element("g");
  const length = shown.cell / shown.rate;
  const middle = (shown.cursor + 0.5) * length;
  const half = shown.seen / shown.rate / 2;
  const height = shown.layout.bottom + 1 + STRIP;
  const from = Math.max(shown.from, middle - half) * PER_SECOND;
  const to = Math.min(shown.to, middle + half) * PER_SECOND;
  if (to > from) group.append(element("rect", { class: "seen", x: from, y: 0, width: to - from, height }));
  group.append(element("path", { class: "cursor", d: `M${middle * PER_SECOND} 0V${height}` }));
  return group;
}

// The scale of the colours, which is the same for every recording.
export function drawLegend(svg, full, className) {
  svg.setAttribute("viewBox", "0 0 260 26");
  svg.setAttribute("aria-label", `Blue speaks against ${className}, red for it, up to ${full} logits a second.`);
  const parts = Array.from({ length: 41 }, (_, k) => {
    const value = (k - 20) / 20;
    return element("rect", { class: sides(value), "fill-opacity": 0.8 * Math.abs(value), x: 50 + 4 * k, y: 2, width: 4, height: 9 });
  });
  const label = (x, text, anchor) => element("text", { x, y: 22, "font-size": 9, "text-anchor": anchor }, text);
  parts.push(element("path", { class: "axis", d: "M50 2H214V11H50Z" }));
  parts.push(label(50, `\u2212${full}`, "middle"), label(132, "0 logits/s", "middle"), label(214, `+${full}`, "middle"));
  parts.push(element("text", { x: 46, y: 10, "font-size": 9, "text-anchor": "end" }, "against"));
  parts.push(element("text", { x: 218, y: 10, "font-size": 9 }, "for"));
  svg.replaceChildren(...parts);
}
