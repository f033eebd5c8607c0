// The ECG on its grid with the signed map behind it, as SVG in millimetres of ECG paper: 25 a second.

const PER_SECOND = 25;
const GAINS = [10, 5, 2.5, 1, 0.5, 0.2, 0.1]; // mm a mV: the first at which the ECG is not too high
const HIGHEST = 200; // of the ECG on a screen, where no trace touches another
const PRINTED = 138; // of the ECG on a sheet of A4, where rows move together and waves may cross, as on paper
const STRIP = 20; // height of the evidence over time
const BETWEEN = 9; // height of the row for what only the leads together show
const ROW = 8; // least distance of two leads
const NEAR = 0.06; // seconds about a moment that count as the same
// Logits a second at which a colour is full. On PTB-XL one position in a hundred goes beyond 0.9.
export const FULL = 1;
export const FULL_BY_LEAD = 0.25;

export function element(name, attributes = {}, text = null) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (text !== null) made.textContent = text;
  return made;
}

const largest = (values) => values.reduce((most, value) => Math.max(most, value), 0);

// Where zero lines lie, each as near as no trace touches those of the two rows above it, give or take a moment.
function pack(columns, gain, around) {
  const above = columns.map((values) => Float64Array.from(values, (value) => Math.max(0, value * gain)));
  const below = columns.map((values) => Float64Array.from(values, (value) => Math.max(0, -value * gain)));
  const around_ = below.map((values) =>
    values.map((_, t) => largest(values.subarray(Math.max(0, t - around), t + around + 1))));
  const zeros = [];
  above.forEach((high, row) => {
    const apart = (upper) => zeros[upper] + largest(high.map((value, t) => value + around_[upper][t])) + 1;
    const uppers = [row - 1, row - 2].filter((upper) => upper >= 0);
    zeros.push(Math.max(0, ...uppers.map(apart), row ? zeros[row - 1] + ROW : 0));
  });
  return { gain, zeros, above: above.map(largest), below: below.map(largest) };
}

const over = ({ zeros, above }) => Math.max(...zeros.map((zero, row) => above[row] - zero)) + 1;
const under = ({ zeros, below }) => Math.max(...zeros.map((zero, row) => below[row] + zero)) + 1;

// Where the rows of leads lie, and how many mm a mV is high.
export function layOut(columns, names, byLead, rate, printed) {
  let packed;
  for (const gain of GAINS) {
    packed = pack(columns, gain, Math.round(NEAR * rate));
    if (over(packed) + under(packed) <= HIGHEST) break;
  }
  const room = printed ? PRINTED - (byLead ? BETWEEN : 0) : HIGHEST;
  while (over(packed) + under(packed) > room && packed.zeros.at(-1) > room / 2) {
    packed.zeros = packed.zeros.map((zero) => 0.98 * zero);
  }
  const { gain, zeros } = packed;
  const first = over(packed);
  const ends = zeros.map((zero, row) => first + (row + 1 < zeros.length ? (zero + zeros[row + 1]) / 2 : under(packed)));
  const rows = names.map((name, lead) =>
    ({ name, lead, top: lead ? ends[lead - 1] : 0, zero: first + zeros[lead], bottom: ends[lead] }));
  let bottom = ends.at(-1);
  if (byLead) rows.push({ name: "between leads", lead: null, top: bottom, zero: null, bottom: (bottom += BETWEEN) });
  return { gain, rows, bottom: bottom + 1, height: bottom + 1 + STRIP + 6 };
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
        `${(((first + t) / rate) * PER_SECOND).toFixed(2)} ${(zero - value * layout.gain).toFixed(2)}`);
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
