// Recordings from dropped files, read as strictly as `signalcam.recordings` reads them, in the same words.
// The tests hold both against each other; what is asked for as resample=True is an option of the page.

import { quality, rateSuspicion, unitNote } from "./quality.mjs";
import { resampled } from "./resampling.mjs";
import { counted, g, quoted, rounded } from "./text.mjs";

const SAMPLE_FILES = [".dat", ".mat", ".xyz"];
const READ = [".hea", ".csv", ".tsv", ".txt"];
const MAX_BYTES = 100e6;

const suffixOf = (name) => (name.match(/\.[^.]+$/)?.[0] ?? "").toLowerCase();
const stemOf = (name) => name.replace(/\.[^.]+$/, "");

function decoded(bytes, encoding = "utf-8") {
  try {
    return new TextDecoder(encoding, { fatal: true }).decode(bytes);
  } catch {
    return null;
  }
}

// Answers for files {name, bytes} dropped together: [{name, pieces: [{signals, start, padded, notes}]} or {name, error}].
export function readRecordings(files, options, model) {
  const headers = new Set(files.filter((file) => suffixOf(file.name) === ".hea").map((file) => stemOf(file.name)));
  const answers = [];
  for (const file of files) {
    const suffix = suffixOf(file.name);
    if (SAMPLE_FILES.includes(suffix) && headers.has(stemOf(file.name))) continue;
    const name = [...READ, ...SAMPLE_FILES].includes(suffix) ? stemOf(file.name) : file.name;
    try {
      answers.push({ name, pieces: readRecording(file, files, name, options, model) });
    } catch (error) {
      answers.push({ name, error: error.message });
    }
  }
  return answers;
}

function readRecording(file, files, name, options, model) {
  const suffix = suffixOf(file.name);
  const refuse = (text) => {
    throw new Error(`Record ${name}: ${text}`);
  };
  if (file.bytes.length > MAX_BYTES) {
    refuse(`a page reads files up to ${counted(MAX_BYTES)} bytes, got ${counted(file.bytes.length)}. Cut it.`);
  }
  if (suffix === ".dat") refuse(`there is no file ${stemOf(file.name)}.hea. Check the path.`);
  if (!READ.includes(suffix)) {
    const read = `the format of ${file.name} is not read here (read are ${READ.join(", ")})`;
    refuse(`${read}. ${model.advice[suffix] ?? "Ask python -m signalcam predict, which reads more formats."}`);
  }
  let table;
  if (suffix === ".hea") {
    table = readWfdb(file, files, name, options, refuse);
  } else {
    try {
      table = readCsv(file, options, model);
    } catch (error) {
      refuse(`cannot read ${file.name} as a CSV table of leads: ${error.message}`);
    }
  }
  return checked(table, name, suffix !== ".hea", options, model, refuse);
}

// ---------------------------------------------------------------- WFDB, format 16

const NUMBER = String.raw`(?:\d{1,40}(?:\.\d{0,40})?|\.\d{1,40})(?:[eE][+-]?\d{1,3})?`;
const RATE = new RegExp(`^(${NUMBER})(?:/${NUMBER}(?:\\([+-]?${NUMBER}\\))?)?$`);
const FORMAT = /^(\d{1,3})(?:x(\d{1,6}))?(?::(\d{1,9}))?(?:\+(\d{1,9}))?$/;
const GAIN = new RegExp(`^([+-]?${NUMBER})(?:\\(([+-]?\\d{1,10})\\))?(?:/(\\S+))?$`);
const INTEGER = /^[+-]?\d{1,10}$/;
const COUNT = /^\d{1,15}$/;

function readWfdb(file, files, name, options, refuse) {
  const text = decoded(file.bytes) ?? decoded(file.bytes, "latin1").replace(/^#.*$/gm, "");
  let header;
  try {
    header = parseHeader(text, name, options);
  } catch (error) {
    refuse(`cannot use its header: ${error.message} Fetch the .hea file again or mend it.`);
  }
  const { rate, nTimes, leads } = header;
  if (options.unit && leads.some((lead) => millivoltsPer(lead.unit) !== millivoltsPer(options.unit))) {
    const stated = [...new Set(leads.map((lead) => lead.unit))].sort().join(", ");
    refuse(`its header states ${stated}, but unit=${quoted(options.unit)} was given. Leave it out.`);
  }
  const columns = [];
  for (const fileName of new Set(leads.map((lead) => lead.file))) {
    const group = leads.filter((lead) => lead.file === fileName);
    const samples = files.find((each) => each.name === fileName);
    if (!samples) refuse(`there is no file ${fileName}. Check the path.`);
    const expected = group[0].offset + 2 * nTimes * group.length;
    if (samples.bytes.length !== expected) {
      const wanted = `${counted(expected)} bytes in ${fileName} (${counted(nTimes)} samples a lead by its header)`;
      const found = `expected ${wanted}, found ${counted(samples.bytes.length)}.`;
      refuse(
        samples.bytes.length < expected
          ? `${found} The file is truncated or the header wrong: fetch both again.`
          : `${found} Fetch both again.`,
      );
    }
    const data = new DataView(samples.bytes.buffer, samples.bytes.byteOffset + group[0].offset);
    group.forEach((lead, k) => {
      const values = Int16Array.from({ length: nTimes }, (_, t) => data.getInt16(2 * (t * group.length + k), true));
      columns.push({ ...lead, values });
    });
  }
  for (const { lead, values, checksum } of columns) {
    const sum = values.reduce((total, value) => total + value, 0);
    const [found, stated] = [sum, checksum].map((number) => ((number % 65536) + 65536) % 65536);
    if (found !== stated) {
      const what = `the header gives checksum ${stated}, found ${found}. The file is damaged: fetch it again.`;
      throw new Error(`Record ${name}, lead ${lead}: ${what}`);
    }
  }
  const missing = columns.map(({ lead, values }) => [lead, values.filter((value) => value === -32768).length]);
  const whole = missing.filter(([, count]) => count === nTimes).map(([lead]) => lead);
  const some = missing.filter(([, count]) => count).map(([lead, count]) => `${lead} (${count})`);
  if (some.length) {
    const what = whole.length
      ? `missing lead ${whole.join(", ")}: the file marks all ${counted(nTimes)} samples as missing`
      : `the file marks samples as missing in lead ${some.join(", ")}`;
    refuse(`${what}. Use another recording, or a span without gaps.`);
  }
  const signals = columns.map(({ values, baseline, gain, unit }) =>
    Float32Array.from(values, (value) => ((value - baseline) / gain) * millivoltsPer(unit)),
  );
  return { names: columns.map((column) => column.lead), columns: signals, rate };
}

function parseHeader(text, name, options) {
  const lines = text.split(/[\r\n]+/).filter((line) => line.trim() && !line.startsWith("#"));
  if (!lines.length) throw new Error("expected a record line, found an empty file.");
  const [first, ...rest] = lines;
  if (first.trimStart().startsWith("<")) {
    throw new Error("expected a WFDB record line, found HTML or XML (a failed download?).");
  }
  const fields = fieldsOf(first);
  if (fields[0].includes("/")) {
    throw new Error("it is a multi-segment record: use wfdb.rdrecord and pass the array.");
  }
  if (name !== fields[0] && name !== fields[0].replace(/\.mat$/, "")) {
    throw new Error(`it is the header of record ${quoted(fields[0].slice(0, 60))}.`);
  }
  const line = quoted(first.slice(0, 80));
  if (fields.length < 4) throw new Error(`expected 'name leads rate samples', found ${line}.`);
  const stated = RATE.exec(fields[2]);
  if (!(COUNT.test(fields[1]) && stated && COUNT.test(fields[3]))) {
    throw new Error(`expected 'name leads rate samples' in numbers, found ${line}.`);
  }
  const [nLeads, rate, nTimes] = [Number(fields[1]), Number(stated[1]), Number(fields[3])];
  if (!(nLeads && nTimes && rate > 0 && rate < Infinity)) {
    throw new Error(`leads, rate and samples must be above 0, found ${line}.`);
  }
  if (rest.length !== nLeads) {
    throw new Error(`expected ${nLeads} lead lines as the record line says, found ${rest.length}.`);
  }
  const leads = rest.map((each, k) => {
    try {
      return parseLead(each, options.unit);
    } catch (error) {
      throw new Error(`lead line ${k + 1} ${quoted(each.slice(0, 80))}: ${error.message}`);
    }
  });
  return { rate, nTimes, leads };
}

// Blanks and tabs part fields, and no form feeds and the like.
const fieldsOf = (line) => line.replace(/^[ \t]+/, "").trimEnd().split(/[ \t]+/);

function parseLead(line, unit) {
  const fields = fieldsOf(line);
  if (fields.length < 3) throw new Error("expected file, format and gain; a lead without a gain is uncalibrated.");
  const [file, format, scale] = fields;
  if (["-", "~", ".", ".."].includes(file) || /[/\\:\0]/.test(file)) {
    throw new Error(`the sample file must be a plain name beside the header, found ${quoted(file.slice(0, 60))}.`);
  }
  const form = FORMAT.exec(format);
  if (form?.[1] !== "16") {
    throw new Error(`storage format ${quoted(format.slice(0, 20))} is not read here (only 16): use wfdb.rdrecord.`);
  }
  if (Number(form[2] ?? 1) !== 1 || Number(form[3] ?? 0) !== 0) {
    const what = `format ${quoted(format.slice(0, 20))} has several samples a frame, or a skew`;
    throw new Error(`${what}: use wfdb.rdrecord.`);
  }
  const match = GAIN.exec(scale);
  if (!match) throw new Error(`expected a gain such as 1000(0)/mV, found ${quoted(scale.slice(0, 40))}.`);
  const gain = Number(match[1]);
  if (!(gain >= 1e-9 && gain <= 1e15)) {
    throw new Error(`the gain ${match[1].slice(0, 20)} leaves the lead uncalibrated; expected one such as 1000.`);
  }
  const stated = match[3] ?? unit;
  if (!stated) {
    throw new Error(`the unit is missing after gain ${match[1]}, it is uncalibrated: give unit='mV'.`);
  }
  millivoltsPer(stated);
  if (fields.length < 9) {
    throw new Error("the lead has no name. Add it at the end of the line, or pass the array with names.");
  }
  [COUNT, INTEGER, INTEGER, INTEGER, COUNT].forEach((pattern, k) => {
    if (!pattern.test(fields[3 + k])) {
      throw new Error(`expected a whole number, found ${quoted(fields[3 + k].slice(0, 20))}.`);
    }
  });
  const lead = line.trim().match(/^(?:[^ \t]+[ \t]+){8}(.*)$/)[1];
  if (/(?! )[\p{C}\p{Z}]/u.test(lead)) {
    throw new Error(`the lead's name ${quoted(lead.slice(0, 20))} holds control characters.`);
  }
  const baseline = Number(match[2] ?? fields[4]);
  return { file, offset: Number(form[4] ?? 0), gain, baseline, unit: stated, checksum: Number(fields[6]), lead };
}

// ---------------------------------------------------------------- CSV

const TIME_COLUMNS = {
  seconds: ["time_s", "t_s", "time_sec", "seconds", "second", "sec", "s"],
  milliseconds: ["time_ms", "t_ms", "milliseconds", "ms"],
  samples: ["sample", "samples", "index", "frame", "n", "", "unnamed: 0"],
  any: ["time", "t", "timestamp"],
};
const STEPS_PER_SECOND = { seconds: [1], milliseconds: [1000], samples: [], any: [1, 1000, 1e6] };

function readCsv(file, options, model) {
  const text = decoded(file.bytes)?.replace(/^\ufeff/, "");
  if (text === undefined) throw new Error("expected text in UTF-8, found binary data.");
  const lines = text.split(/\r\n|\r|\n/);
  const start = lines.findIndex((line) => !line.startsWith("#"));
  const header = lines[start] ?? "";
  if (!header.trim()) throw new Error("expected a header row with lead names, found an empty line.");
  if (header.trimStart().startsWith("<")) {
    throw new Error("expected a header row with lead names, found HTML or XML.");
  }
  let [best, mark, columns] = [0, "", []];
  for (const each of [",", ";", "\t", "|"]) {
    const cells = cellsOf(header.slice(0, 100000), each);
    const known = cells.filter((cell) => knownLead(splitUnit(cell)[0], model)).length;
    if (known > best) [best, mark, columns] = [known, each, cells.map((cell) => cell.trim())];
  }
  if (!(columns.length > 0 && columns.length <= 1000)) {
    const found = quoted(header.slice(0, 40));
    throw new Error(`expected a header row with lead names such as I,II,...,V6, found ${found}.`);
  }
  const table = [];
  const decimals = new Set();
  for (const line of lines.slice(start + 1)) {
    if (!line.trim()) continue;
    const cells = cellsOf(withPoints(line, mark, decimals, table.length + 1), mark);
    const empty = cells.length === columns.length ? cells.findIndex((cell) => !cell.trim()) : -1;
    if (empty >= 0) {
      const where = `row ${table.length + 1} of samples, column ${quoted(columns[empty].slice(0, 40))}`;
      const advice = "Cut the table to a span without gaps, or leave the column out.";
      throw new Error(`the cell in ${where}, is empty: a missing sample. ${advice}`);
    }
    const width = table[0]?.length ?? cells.length;
    if (cells.length !== width) {
      throw new Error(`the number of columns changed from ${width} to ${cells.length} at row ${table.length + 1}.`);
    }
    table.push(cells.map((cell, k) => parsedNumber(cell, table.length, k + 1)));
  }
  if (!table.length) throw new Error("the table has a header row but no samples.");
  if (table[0].length !== columns.length) {
    throw new Error(`the header row names ${columns.length} columns, the rows have ${table[0].length}.`);
  }
  const rate = options.rate ?? statedRate(table, columns);
  const result = { names: [], columns: [], rate };
  columns.forEach((column, k) => {
    const [lead, unit] = splitUnit(column);
    const clock = clockOf(column);
    const values = table.map((row) => row[k]);
    if (clock) {
      checkTimes(values, column, clock, rate);
    } else if (keeps(lead, options, model)) {
      const scale = agreedScale(unit, options.unit, `column ${quoted(column.slice(0, 40))}`);
      result.names.push(lead);
      result.columns.push(Float32Array.from(values, (value) => value * scale));
    }
  });
  return result;
}

// The line with points for decimal commas; one file has either.
function withPoints(line, mark, decimals, row) {
  if (mark === ",") return line;
  for (const each of ",.") if (line.includes(each)) decimals.add(each);
  if (decimals.size === 2) {
    throw new Error(`row ${row} of samples mixes decimal commas and points. Use one of them.`);
  }
  return line.replaceAll(",", ".");
}

function clockOf(column) {
  const key = column.toLowerCase().replace(/[\s([]+/g, "_").replace(/[)\]]+$/, "");
  return Object.keys(TIME_COLUMNS).find((each) => TIME_COLUMNS[each].includes(key));
}

// The rate in Hz by a column of times whose unit is clear.
function statedRate(table, columns) {
  for (const [k, column] of columns.entries()) {
    const step = table.length > 1 ? (table.at(-1)[k] - table[0][k]) / (table.length - 1) : 0;
    const seconds = { seconds: step, milliseconds: step / 1000, any: step < 0.5 ? step : 0 }[clockOf(column)] ?? 0;
    if (seconds > 0) {
      const rate = 1 / seconds; // times are often rounded
      return Math.abs(rate - rounded(rate)) < 0.005 * rate ? rounded(rate) : rate;
    }
  }
  throw new Error("a CSV file states no sampling rate: give source_rate=... in Hz (--source-rate).");
}

function cellsOf(line, mark) {
  const cells = [];
  const pattern = new RegExp(`(?:"((?:[^"]|"")*)"|([^${mark}]*))(?:[${mark}]|$)`, "y");
  let match;
  while (pattern.lastIndex <= line.length && (match = pattern.exec(line))) {
    cells.push(match[1]?.replaceAll('""', '"') ?? match[2]);
    if (!line.slice(0, pattern.lastIndex).endsWith(mark) || match[0] === "") break;
  }
  return cells;
}

function parsedNumber(cell, row, column) {
  const text = cell.trim();
  if (/^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/.test(text)) return Number(text);
  if (/^[+-]?nan$/i.test(text)) return NaN;
  if (/^[+-]?inf(inity)?$/i.test(text)) return text.startsWith("-") ? -Infinity : Infinity;
  throw new Error(`could not convert string ${quoted(cell)} to float64 at row ${row}, column ${column}.`);
}

function splitUnit(column) {
  const text = column.trim();
  const start = Math.max(text.lastIndexOf("("), text.lastIndexOf("["));
  if (start < 0 || !/[)\]]$/.test(text)) return [column, null];
  return [text.slice(0, start).trimEnd(), text.slice(start + 1, -1).trim()];
}

function checkTimes(times, column, clock, rate) {
  const steps = times.slice(1).map((time, k) => time - times[k]);
  if (!steps.length) return;
  const allowed = STEPS_PER_SECOND[clock].map((scale) => scale / rate);
  if (clock === "samples" || clock === "any") allowed.push(1);
  const mean = steps.reduce((sum, step) => sum + step, 0) / steps.length;
  const even = (step) =>
    Math.abs(mean - step) < 0.01 * step && steps.every((each) => Math.abs(each - step) < 0.75 * step);
  if (allowed.some(even)) return;
  const [low, high] = steps.reduce(([l, h], step) => [Math.min(l, step), Math.max(h, step)], [Infinity, -Infinity]);
  const found = `steps by ${g(low)} to ${g(high)}, on average ${g(mean)}`;
  const expected = `even steps of ${allowed.map(g).join(" or ")} at ${g(rate)} Hz`;
  const advice = "Give the true source_rate, or cut the table to a span without gaps.";
  throw new Error(`column ${quoted(column.slice(0, 40))} ${found}; expected ${expected}. ${advice}`);
}

// ---------------------------------------------------------------- leads and units

export function knownLead(name, model) {
  const short = name.replace(/\s/g, "").slice(0, 64);
  const key = short.normalize("NFKC").replace(/[\s._]+/g, "").toUpperCase();
  const bare = key.replace(/^(MDCECGLEAD|MDCECG|ECGLEAD|EKGLEAD|ECG|EKG|LEAD)(?=.)/, "");
  return model.aliases[key] ?? model.aliases[bare] ?? null;
}

// A model of some leads takes them out of whatever a file holds.
function keeps(name, options, model) {
  const wanted = model.settings.lead_names;
  const known = knownLead(name, model) ?? name.trim();
  if (wanted.join() === model.leads.join()) return !options.dropExtra || model.leads.includes(known);
  return wanted.includes(known) || (options.derive && ["I", "II"].includes(known));
}

const MILLIVOLTS = { v: 1e3, mv: 1, uv: 1e-3, nv: 1e-6 };

function millivoltsPer(unit) {
  const scale = MILLIVOLTS[unit.trim().replace(/[\u00b5\u03bc]/g, "u").toLowerCase()];
  if (scale === undefined) {
    throw new Error(`Unit ${quoted(unit.slice(0, 20))} is not a known voltage: expected one of V, mV, uV, nV.`);
  }
  return scale;
}

function agreedScale(stated, given, what) {
  if (!stated && !given) {
    throw new Error(`${what} states no unit, so it is uncalibrated: give unit='mV' or unit='uV'.`);
  }
  if (!stated) return millivoltsPer(given);
  const scale = millivoltsPer(stated);
  if (given && millivoltsPer(given) !== scale) {
    throw new Error(`${what} states the unit ${stated}, but unit=${quoted(given)} was given. Leave unit out.`);
  }
  return scale;
}

// The columns of the model's leads, in its order.
function chosenLeads({ names, columns }, options, model) {
  const kept = names.map((_, k) => k).filter((k) => keeps(names[k], options, model));
  [names, columns] = [kept.map((k) => names[k]), kept.map((k) => columns[k])];
  const find = (lead) => columns[names.findIndex((name) => knownLead(name, model) === lead)];
  const [one, two] = [find("I"), find("II")];
  if (options.derive && one && two) {
    const derived = {
      III: (a, b) => b - a,
      aVR: (a, b) => -(a + b) / 2,
      aVL: (a, b) => a - b / 2,
      aVF: (a, b) => b - a / 2,
    };
    for (const [lead, combine] of Object.entries(derived)) {
      if (find(lead)) continue;
      names.push(lead);
      columns.push(one.map((value, t) => combine(value, two[t])));
    }
  }
  const wanted = model.settings.lead_names;
  const all = wanted.join() === model.leads.join();
  const found = new Map();
  const [extra, twice] = [[], []];
  names.forEach((name, k) => {
    const lead = wanted.includes(name.trim()) ? name.trim() : knownLead(name, model);
    if (lead === null) extra.push(name.slice(0, 60));
    else if (found.has(lead)) twice.push(`${lead} (as ${quoted(names[found.get(lead)])} and ${quoted(name)})`);
    else found.set(lead, k);
  });
  const missing = wanted.filter((lead) => !found.has(lead));
  const parts = [`Expected the ${wanted.length} leads ${wanted.join(", ")}, got ${names.length} names.`];
  if (missing.length) {
    parts.push(`Missing: ${missing.join(", ")}.`);
    if (missing.every((lead) => ["III", "aVR", "aVL", "aVF"].includes(lead))) {
      parts.push("These follow from I and II: ask for it with derive=True.");
    }
  }
  if (all && extra.length) {
    parts.push(`Extra: ${extra.slice(0, 12).join(", ")}${extra.length > 12 ? ", ..." : ""}.`);
    const unknown = `Unknown lead name ${quoted(extra[0])}: expected one of ${model.leads.join(", ")}.`;
    parts.push(
      missing.length
        ? `${unknown} Rename it if it is that lead.`
        : "Leave them out, or ask for it with drop_extra=True.",
    );
  }
  if (twice.length) parts.push(`Named twice: ${twice.join(", ")}. Keep one of each.`);
  if (parts.length > 1) throw new Error(parts.join(" "));
  return wanted.map((lead) => columns[found.get(lead)]);
}

// ---------------------------------------------------------------- the way of all recordings

function checked(table, name, rateWasTold, options, model, refuse) {
  const { sampling_rate: wanted, n_times: nTimes, lead_names: leads } = model.settings;
  const length = table.columns[0]?.length ?? 0;
  const notes = [];
  const suspicion = rateSuspicion(length, rounded((nTimes / wanted) * table.rate), table.rate);
  if (suspicion && rateWasTold && options.length !== "error") {
    notes.push(`Record ${name}: taken as ${g(table.rate)} Hz.${suspicion}`);
  }
  if (table.rate !== wanted && !options.resample) {
    refuse(`expected ${g(wanted)} Hz, found ${g(table.rate)} Hz. Ask for conversion with resample=True.`);
  }
  let columns;
  try {
    columns = chosenLeads(table, options, model);
  } catch (error) {
    refuse(error.message);
  }
  const bad = columns.map((column) => column.filter((value) => !Number.isFinite(value)).length);
  if (bad.some(Boolean)) {
    const each = bad.flatMap((count, k) => {
      const what = count < length ? `${counted(count)} of ${counted(length)} samples` : "the lead is missing, every sample";
      return count ? [`lead ${leads.length === model.leads.length ? leads[k] : k}: ${what}`] : [];
    });
    const advice = "Leave the record out, or cut it to a span without gaps.";
    throw new Error(`Record ${name} must be finite, got NaN or infinity in ${each.join("; ")}. ${advice}`);
  }
  if (table.rate !== wanted) {
    columns = columns.map((column) => resampled(column, table.rate, wanted));
    if (!columns[0]) {
      const rates = `${g(table.rate)} Hz to ${g(wanted)} Hz: expected a ratio of whole numbers up to 5,000`;
      refuse(`cannot resample ${rates}. Resample it yourself and pass the array.`);
    }
  }
  const pieces = cut(columns, nTimes, wanted, options.length, refuse).map((piece) => ({
    ...piece,
    ...quality(piece.signals, piece.padded, model),
  }));
  if (!options.anyAmplitude && pieces.every(({ factor }) => factor !== 1)) {
    const advice = "Scale it or give its unit, or accept it by any_amplitude=True.";
    const found = `must have an amplitude that a heart gives; ${unitNote(pieces[0].factor)}`;
    throw new Error(`Record ${name} ${found} ${advice}`);
  }
  return pieces.map(({ start, signals, padded, notes: found }) => ({
    signals,
    padded,
    start: start / wanted,
    notes: [...notes, ...found],
  }));
}

function cut(columns, nTimes, rate, length, refuse) {
  const found = columns[0].length;
  const piece = (start, taken) => {
    const signals = new Float32Array(nTimes * columns.length);
    columns.forEach((column, k) => {
      const filling = taken < nTimes ? median(column) : 0;
      for (let t = 0; t < nTimes; t++) signals[t * columns.length + k] = t < taken ? column[start + t] : filling;
    });
    return { start, signals, padded: Array.from({ length: nTimes }, (_, t) => t >= taken) };
  };
  if (found === nTimes) return [piece(0, nTimes)];
  if (found < nTimes && length === "pad") return [piece(0, found)];
  if (found > nTimes && length === "crop") return [piece(0, nTimes)];
  if (found > nTimes && length === "window") {
    const starts = Array.from({ length: Math.floor(found / nTimes) }, (_, k) => k * nTimes);
    if (starts.at(-1) + nTimes < found) starts.push(found - nTimes);
    return starts.map((start) => piece(start, nTimes));
  }
  const advice =
    found < nTimes
      ? "It is too short: fill it up with length='pad'; the padding is left out of the heatmap."
      : "It is too long: ask for length='crop' (its start) or length='window' (all of it)." +
        rateSuspicion(found, nTimes, rate);
  const wanted = `expected ${counted(nTimes)} samples (${g(nTimes / rate)} s at ${g(rate)} Hz)`;
  return refuse(`${wanted}, found ${counted(found)} (${g(found / rate)} s). ${advice}`);
}

function median(values) {
  const sorted = Float32Array.from(values).sort();
  const half = values.length / 2;
  return (sorted[Math.ceil(half) - 1] + sorted[Math.floor(half)]) / 2;
}
