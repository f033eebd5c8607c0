// What the page does: takes files, asks the network, and shows the answer. Text goes in as text, never as HTML.

import { decoded64, detrended, fieldOfView, network, polynomials } from "./network.mjs";
import { readRecordings } from "./reading.mjs";
import { drawEcg, drawLegend, FULL, FULL_BY_LEAD, layOut } from "./drawing.mjs";
import { g } from "./text.mjs";

const $ = (id) => document.getElementById(id);
const page = JSON.parse($("data").textContent);
const { model } = page;
const { settings } = model;
const names = settings.class_names;
const leads = settings.lead_names;
const rate = settings.sampling_rate;
const duration = settings.n_times / rate;
const ask = network(model);
const basis = polynomials(settings.n_times, model.degree);

// thresholds: as moved; kept: records that came with the page; records, refused: what there is to show; opened, which: the record and class shown.
const state = { thresholds: [...settings.threshold], kept: [], records: [], refused: [], opened: null, which: page.shown, files: [] };
const scene = { from: 0, to: duration, cursor: null, map: true };

function unpacked(packed) {
  const bytes = decoded64(packed.signals);
  const inSteps = () => Float32Array.from(new Int16Array(bytes), (steps) => steps / 1000);
  const signals = packed.type === "<i2" ? inSteps() : new Float32Array(bytes);
  const padded = Array.from({ length: settings.n_times }, (_, t) => t >= settings.n_times - packed.n_padded);
  return { ...packed, signals, padded };
}

function answered(record) {
  record.answer ??= ask(record.signals);
  record.probability = [...record.answer.probability.data];
  return record;
}

const predicted = (k, probability) => {
  const words = names.length === 1 ? settings.predicted_names : ["no", "yes"];
  return words[Number(probability >= state.thresholds[k])];
};

// ---------------------------------------------------------------- the answer

function open(record) {
  state.opened = answered(record);
  state.which ??= record.probability.indexOf(Math.max(...record.probability));
  Object.assign(scene, { from: 0, to: Math.min(duration, innerWidth < 600 ? 4 : duration), cursor: null });
  scene.columns = leads.map((_, k) =>
    detrended(Float64Array.from({ length: settings.n_times }, (_, t) => record.signals[t * leads.length + k]), basis));
  scene.layout = laidOut(false);
  $("answer").hidden = false;
  show();
}

const laidOut = (printed) =>
  layOut(scene.columns, leads, Boolean(state.opened.answer.lead_evidence), rate, printed);

function show() {
  const record = state.opened;
  if (!record) return;
  const nPadded = record.padded.filter(Boolean).length;
  const start = record.start ? `, from ${g(record.start)} s of its file` : "";
  const padding = nPadded ? ` ${g(nPadded / rate)} s of it are padding, not recording.` : "";
  $("name").textContent = record.name;
  $("summary").textContent = `${g(duration)} s at ${g(rate)} Hz, ${leads.length} leads${start}.${padding} ` +
    `Squares: 0.2 s and ${g(5 / scene.layout.gain)} mV.`;
  $("notes").replaceChildren(
    ...(record.notes.length ? record.notes : ["Nothing suspect was found: no missing, flat, clipped or noisy lead."]).map(
      (note) => made("li", note)));
  showClasses();
  showMap();
  showIndex();
}

function made(tag, text = "", properties = {}) {
  const element = Object.assign(document.createElement(tag), properties);
  if (text !== "") element.textContent = text;
  return element;
}

const cell = (child, className = "") => {
  const made_ = made("td", "", { className });
  made_.append(child);
  return made_;
};

function heading(...columns) {
  const row = made("tr");
  row.append(...columns.map(([text, className]) => made("th", text, { className: className ?? "", scope: "col" })));
  return row;
}

function showClasses() {
  const { probability, answer } = state.opened;
  const rows = names.map((name, k) => {
    const row = made("tr");
    if (k === state.which && names.length > 1) row.setAttribute("aria-current", "true");
    const bar = made("progress", "", { value: probability[k], ariaLabel: `probability of ${name}` });
    const choose = made("button", name, { type: "button", title: `Show the map for ${name}` });
    choose.addEventListener("click", () => {
      state.which = k;
      show();
      $("classes").querySelectorAll("button")[k]?.focus();
    });
    row.append(
      cell(names.length > 1 ? choose : name),
      cell(probability[k].toFixed(3), "number"),
      cell(bar),
      cell(signed(answer.logit.data[k], 2), "number"),
      cell(predicted(k, probability[k])));
    return row;
  });
  $("classes").replaceChildren(
    heading(["class"], ["probability", "number"], [""], ["logit", "number"], ["predicted"]), ...rows);
  const positive = names.filter((_, k) => probability[k] >= state.thresholds[k]);
  $("decision").textContent = names.length === 1
    ? `${predicted(0, probability[0])}: P(${names[0]}) = ${probability[0].toFixed(3)}`
    : `Predicted: ${positive.join(", ") || "none of the classes"}`;
  $("of").textContent = names[state.which];
  $("threshold").value = state.thresholds[state.which];
  $("limit").textContent = state.thresholds[state.which].toFixed(3);
}

const signed = (value, digits) => `${value < 0 ? "\u2212" : "+"}${Math.abs(value).toFixed(digits)}`;

// ---------------------------------------------------------------- the map

function showMap() {
  const { answer, padded } = state.opened;
  const nPositions = answer.evidence.shape[0];
  const cell_ = Math.floor(settings.n_times / nPositions);
  const blank = (position) => padded.slice(position * cell_, (position + 1) * cell_).every(Boolean);
  const values = (pick) => Array.from({ length: nPositions }, (_, p) => (blank(p) ? null : pick(p) / duration));
  const evidence = values((p) => answer.evidence.data[p * names.length + state.which]);
  const rows = answer.lead_evidence?.shape[1] ?? 0;
  const byLead = rows
    ? Array.from({ length: rows }, (_, row) =>
        values((p) => answer.lead_evidence.data[(p * rows + row) * names.length + state.which]))
    : null;
  Object.assign(scene, { evidence, byLead, padded, rate, names: leads, cell: cell_, className: names[state.which] });
  scene.seen = fieldOfView(model);
  const what = `ECG of ${leads.length} leads with the evidence for ${scene.className} behind it`;
  $("ecg").setAttribute("aria-label", `${what}, ${scene.from.toFixed(2)} to ${scene.to.toFixed(2)} s`);
  drawEcg($("ecg"), scene);
  drawLegend($("legend"), byLead ? FULL_BY_LEAD : FULL, scene.className);
  const each = `One position of the map stands for ${g((1000 * cell_) / rate)} ms but sees ${g(scene.seen / rate)} s around it.`;
  $("position").textContent = byLead
    ? `${each} The colour behind each lead is that lead's own share; the last row is what only the leads together show.`
    : `${each} The map belongs to all leads together; it does not say which lead matters.`;
}

// What the picture says at a position, and of the lead in the row at this height.
function read(position, height = null) {
  scene.cursor = Math.max(0, Math.min(scene.evidence.length - 1, position));
  const value = scene.evidence[scene.cursor];
  const [start, stop] = [scene.cursor, scene.cursor + 1].map((p) => (p * scene.cell) / rate);
  const row = height === null ? -1 : scene.layout.rows.findIndex(({ top, bottom }) => height >= top && height < bottom);
  const parts = [`${start.toFixed(2)} to ${stop.toFixed(2)} s:`];
  parts.push(value === null ? "not recorded." : `evidence ${signed(value, 2)} logits/s for ${scene.className}.`);
  if (row >= 0 && value !== null) {
    const { lead, name } = scene.layout.rows[row];
    const own = scene.byLead ? ` ${signed(scene.byLead[row][scene.cursor], 3)} logits/s` : "";
    const voltage = lead === null ? "" : ` ${scene.columns[lead][scene.cursor * scene.cell].toFixed(2).replace("-", "\u2212")} mV`;
    parts.push(`${name}:${[own, voltage].filter(Boolean).join(",")}.`);
  }
  $("readout").textContent = parts.join(" ");
  drawEcg($("ecg"), scene);
}

function look(from, span) {
  const length = Math.max(1, Math.min(duration, span));
  scene.from = Math.max(0, Math.min(duration - length, from));
  scene.to = scene.from + length;
  drawEcg($("ecg"), scene);
}

function zoom(factor, around = (scene.from + scene.to) / 2) {
  const span = Math.max(1, Math.min(duration, (scene.to - scene.from) * factor));
  look(around - ((around - scene.from) * span) / (scene.to - scene.from), span);
}

function step(positions) {
  const length = scene.cell / rate;
  read((scene.cursor ?? Math.round(scene.from / length) - positions) + positions);
  const [start, span] = [scene.cursor * length, scene.to - scene.from];
  if (start < scene.from) look(start - span / 2, span);
  if (start + length > scene.to) look(start - span / 2, span);
}

const move = (part) => look(scene.from + part * (scene.to - scene.from), scene.to - scene.from);
const KEYS = {
  "+": () => zoom(0.5),
  "=": () => zoom(0.5),
  "-": () => zoom(2),
  0: () => look(0, duration),
  ArrowLeft: (event) => (event.shiftKey ? move(-0.25) : step(-1)),
  ArrowRight: (event) => (event.shiftKey ? move(0.25) : step(1)),
  Home: () => look(0, scene.to - scene.from),
  End: () => look(duration, scene.to - scene.from),
};

function listenToPicture() {
  const svg = $("ecg");
  let dragged = null;
  const place = (event) => {
    const box = svg.getBoundingClientRect();
    const time = scene.from + ((event.clientX - box.left) / box.width) * (scene.to - scene.from);
    return [time, ((event.clientY - box.top) / box.height) * scene.layout.height];
  };
  svg.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || !KEYS[event.key]) return;
    event.preventDefault();
    KEYS[event.key](event);
  });
  svg.addEventListener("pointerdown", (event) => {
    dragged = place(event)[0];
    svg.setPointerCapture(event.pointerId);
  });
  svg.addEventListener("pointerup", () => (dragged = null));
  svg.addEventListener("pointercancel", () => (dragged = null));
  svg.addEventListener("pointermove", (event) => {
    const [time, height] = place(event);
    if (dragged !== null && scene.to - scene.from < duration) look(scene.from + dragged - time, scene.to - scene.from);
    else read(Math.floor((time * rate) / scene.cell), height);
  });
  svg.addEventListener("wheel", (event) => {
    if (!event.ctrlKey) return; // the page scrolls; a pinch on a touchpad comes with ctrlKey
    event.preventDefault();
    zoom(event.deltaY > 0 ? 1.2 : 1 / 1.2, place(event)[0]);
  }, { passive: false });
  $("closer").addEventListener("click", () => zoom(0.5));
  $("wider").addEventListener("click", () => zoom(2));
  $("earlier").addEventListener("click", () => move(-0.5));
  $("later").addEventListener("click", () => move(0.5));
  $("whole").addEventListener("click", () => look(0, duration));
  $("map").addEventListener("change", (event) => {
    scene.map = event.target.checked;
    drawEcg(svg, scene);
  });
  addEventListener("resize", () => state.opened && drawEcg(svg, scene));
  let before = null;
  addEventListener("beforeprint", () => {
    if (!state.opened) return;
    before = [scene.from, scene.to - scene.from];
    scene.layout = laidOut(true);
    look(0, duration);
  });
  addEventListener("afterprint", () => {
    if (!before || !state.opened) return;
    scene.layout = laidOut(false);
    look(...before);
    before = null;
  });
}

// ---------------------------------------------------------------- several recordings

function showIndex() {
  const { records, refused } = state;
  $("index").hidden = records.length + refused.length < 2;
  if ($("index").hidden) return;
  const order = state.which ?? 0;
  const sorted = [...records].sort((a, b) => b.probability[order] - a.probability[order]);
  const rows = sorted.map((record) => {
    const row = made("tr");
    if (record === state.opened) row.setAttribute("aria-current", "true");
    const start = record.start ? `, from ${g(record.start)} s` : "";
    const choose = made("button", record.name + start, { type: "button" });
    choose.addEventListener("click", () => {
      open(record);
      $("name").scrollIntoView({ block: "start" });
    });
    const found = names.filter((_, k) => record.probability[k] >= state.thresholds[k]).join(", ") || "none";
    row.append(
      cell(choose),
      ...record.probability.map((value) => cell(value.toFixed(3), "number")),
      cell(names.length === 1 ? predicted(0, record.probability[0]) : found),
      cell(record.notes.join("; ")));
    return row;
  });
  rows.push(...refused.map(({ name, error }) => {
    const row = made("tr");
    const why = cell(made("span", asOptions(error)));
    why.colSpan = names.length + 2;
    row.append(cell(name), why);
    return row;
  }));
  const mark = (name, k) => (k === order && names.length > 1 ? `${name} \u25be` : name);
  $("recordings").replaceChildren(
    heading(["recording"], ...names.map((name, k) => [mark(name, k), "number"]), ["predicted"], ["notes"]), ...rows);
}

// ---------------------------------------------------------------- files

// What a message asks for as resample=True is an option of the page.
function asOptions(text) {
  return text
    .replace("source_rate=... in Hz (--source-rate)", "it in Hz, as source_rate above")
    .replace("unit='mV' or unit='uV'", "unit mV or uV above")
    .replace(/\b(resample|derive|drop_extra|any_amplitude)=True/g, "\u201c$1\u201d above")
    .replace(/\b(length|unit|source_rate)='?([\w.]+)'?/g, "$1 \u201c$2\u201d above")
    .replace("Check the path.", "Drop it together with this one.");
}

async function take(fileList) {
  state.files = await Promise.all(
    [...fileList].map(async (file) => ({ name: file.name, bytes: new Uint8Array(await file.arrayBuffer()) })));
  readAgain();
}

function readAgain() {
  const options = {
    rate: Number($("rate").value) || null,
    unit: $("unit").value || null,
    length: $("length").value,
    resample: $("resample").checked,
    derive: $("derive").checked,
    dropExtra: $("dropExtra").checked,
    anyAmplitude: $("anyAmplitude").checked,
  };
  const answers = readRecordings(state.files, options, model);
  state.records = [...state.kept];
  state.refused = answers.filter((each) => each.error);
  for (const { name, pieces } of answers.filter((each) => each.pieces)) {
    for (const piece of pieces) {
      try {
        state.records.push(answered({ name, ...piece }));
      } catch (error) {
        state.refused.push({ name, error: error.message });
      }
    }
  }
  $("message").textContent = state.refused.map(({ error }) => asOptions(error)).join("\n");
  $("message").hidden = !state.refused.length;
  $("answer").hidden = true;
  state.opened = null;
  if (state.refused.length) $("options").open = true;
  const first = state.records[state.kept.length];
  if (first) open(first);
  else showIndex();
}

function listenToFiles() {
  $("files").addEventListener("change", (event) => {
    take(event.target.files);
    event.target.value = "";
  });
  for (const id of ["rate", "unit", "length", "resample", "derive", "dropExtra", "anyAmplitude"]) {
    $(id).addEventListener("change", () => state.files.length && readAgain());
  }
  addEventListener("dragover", (event) => {
    event.preventDefault();
    document.body.classList.add("over");
  });
  addEventListener("dragleave", (event) => event.relatedTarget === null && document.body.classList.remove("over"));
  addEventListener("drop", (event) => {
    event.preventDefault();
    document.body.classList.remove("over");
    if (event.dataTransfer.files.length) take(event.dataTransfer.files);
  });
}

function offerExamples() {
  $("examples").hidden = !model.examples.length;
  for (const packed of model.examples) {
    const choose = made("button", packed.name, { type: "button" });
    choose.addEventListener("click", () => {
      const record = answered(unpacked(packed));
      Object.assign(state, { files: [], refused: [], records: [...state.kept, record] });
      $("message").hidden = true;
      open(record);
    });
    $("examples").append(choose, " ");
  }
}

function start() {
  listenToFiles();
  listenToPicture();
  offerExamples();
  $("threshold").addEventListener("input", (event) => {
    state.thresholds[state.which] = Number(event.target.value);
    showClasses();
    showIndex();
  });
  $("reset").addEventListener("click", () => {
    state.thresholds = [...settings.threshold];
    showClasses();
    showIndex();
  });
  state.kept = state.records = page.records.map(unpacked);
  state.refused = Object.entries(page.refused).map(([name, error]) => ({ name, error }));
  for (const record of state.records) if (!record.probability) answered(record);
  const order = state.which ?? 0;
  const first = [...state.records].sort((a, b) => b.probability[order] - a.probability[order])[0];
  if (first) open(first);
}

start();
