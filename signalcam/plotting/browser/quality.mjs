// What is suspect about a recording, as `signalcam.recordings.quality` says it; the limits come from there.

import { counted, g, rounded } from "./text.mjs";

const COMMON_RATES = [125, 128, 250, 256, 257, 360, 500, 512, 1000, 2000];

const percent = (part) => (part >= 0.01 ? `${rounded(100 * part)} %` : `${g(Number((100 * part).toPrecision(1)))} %`);

// Notes on signals (time, lead) in mV; padded time is left out. With them the factor of `unitFactor`.
export function quality(signals, padded, model) {
  const { limits, settings } = model;
  const { lead_names: leads, sampling_rate: rate } = settings;
  const kept = padded.flatMap((filling, t) => (filling ? [] : [t]));
  const columns = leads.map((_, k) => Float64Array.from(kept, (t) => signals[t * leads.length + k]));
  const spans = columns.map((column) => extremes(column)[1] - extremes(column)[0]);
  const found = { flat: [], clipped: [], noisy: [] };
  columns.forEach((column, k) => {
    const flat = spans[k] < limits.FLAT_RANGE ? 1 : flatPart(column, limits.FLAT_SECONDS * rate);
    const clipped = flat === 1 ? 0 : clippedPart(column, limits.CLIPPED_SECONDS * rate);
    const noise = noiseOf(column);
    if (flat > 0) found.flat.push(`lead ${leads[k]} is flat (${percent(flat)} of samples)`);
    if (clipped >= limits.CLIPPED_FRACTION) {
      found.clipped.push(`lead ${leads[k]} is clipped (${percent(clipped)} of samples)`);
    }
    if (noise > limits.NOISE) found.noisy.push(`lead ${leads[k]} is noisy (${noise.toFixed(3)} mV)`);
  });
  const notes = [...found.flat, ...found.clipped, ...found.noisy];
  if (leads.join() === model.leads.join()) {
    const byName = Object.fromEntries(leads.map((lead, k) => [lead, columns[k]]));
    const error = einthovenError(byName);
    if (error > limits.EINTHOVEN_ERROR) {
      notes.push(`limb leads do not fit together (off by ${error.toFixed(2)} mV): wrong order?`);
    }
    notes.push(...electrodeNotes(byName, rate, limits));
  }
  const factor = unitFactor(spans, limits.PLAUSIBLE_SPAN);
  if (factor !== 1) notes.push(unitNote(factor));
  const filling = 1 - kept.length / padded.length;
  if (filling) notes.push(`${percent(filling)} of the time is padding`);
  return { notes, factor };
}

// A sentence where so many samples fit another common rate exactly, or "".
export function rateSuspicion(found, nTimes, rate) {
  const duration = nTimes / rate;
  const other = COMMON_RATES.find((each) => each > rate && found === rounded(each * duration));
  if (!other) return "";
  const advice = `if that is its rate, give source_rate=${other} and resample=True`;
  return ` ${counted(found)} samples are ${g(duration)} s at ${other} Hz: ${advice}.`;
}

function extremes(values) {
  let [low, high] = [Infinity, -Infinity];
  for (const value of values) [low, high] = [Math.min(low, value), Math.max(high, value)];
  return [low, high];
}

// How many samples are in runs, of at least `shortest`, of those that a test picks out.
function inRuns(length, shortest, test) {
  const marked = new Uint8Array(length);
  for (let start = 0; start < length; start++) {
    let stop = start;
    while (stop < length && test(stop)) stop++;
    if (stop - start >= shortest) marked.fill(1, start, stop);
    start = Math.max(start, stop);
  }
  return marked;
}

function flatPart(values, samples) {
  const still = (t) => t > 0 && values[t] === values[t - 1];
  const marked = inRuns(values.length, Math.max(2, rounded(samples) - 1), still);
  return marked.reduce((sum, mark) => sum + mark, 0) / values.length;
}

function clippedPart(values, samples) {
  const shortest = Math.max(3, rounded(samples));
  const [low, high] = extremes(values).map((end) => inRuns(values.length, shortest, (t) => values[t] === end));
  return low.reduce((sum, mark, t) => sum + (mark | high[t]), 0) / values.length;
}

function noiseOf(values) {
  if (values.length < 3) return 0;
  const bends = Float64Array.from({ length: values.length - 2 }, (_, t) =>
    Math.abs(values[t + 2] - values[t + 1] - (values[t + 1] - values[t])),
  ).sort();
  const half = bends.length / 2;
  return (bends[Math.ceil(half) - 1] + bends[Math.floor(half)]) / 2 / (0.6745 * Math.sqrt(6));
}

function einthovenError({ I, II, III, aVR, aVL, aVF }) {
  return I.reduce((most, one, t) => {
    const two = II[t];
    const residuals = [
      two - one - III[t],
      aVR[t] + aVL[t] + aVF[t],
      aVR[t] + (one + two) / 2,
      aVL[t] - (one - two / 2),
      aVF[t] - (two - one / 2),
    ];
    return Math.max(most, ...residuals.map(Math.abs));
  }, 0);
}

// As `signalcam.recordings.electrodes` tells electrodes that look swapped.
function electrodeNotes(byName, rate, limits) {
  const length = byName.I.length;
  if (length < Math.max(3, 2 * rate)) return [];
  const chest = ["V1", "V2", "V3", "V4", "V5", "V6"].map((lead) => byName[lead]);
  const apart = byName.V1.map((_, t) => {
    const [low, high] = extremes(chest.map((lead) => lead[t]));
    return high - low;
  });
  const [one, avr, v1, v6] = ["I", "aVR", "V1", "V6"].map((lead) => withoutWander(byName[lead], Math.max(1, rounded(rate))));
  if ([one, avr, v1, v6].some((lead) => extremes(lead)[1] - extremes(lead)[0] < limits.ALIKE)) return [];
  if (extremes(apart)[1] < limits.ALIKE) {
    return [`chest leads are alike (within ${g(limits.ALIKE)} mV): one electrode for all of them?`];
  }
  const [up1, upV1, upV6] = [one, v1, v6].map(pointing);
  const [withV6, avrV1, avrV6] = [along(one, v6), along(avr, v1), along(avr, v6)];
  if (upV1 - upV6 > limits.LESS_R && avrV6 > avrV1) {
    const found = `V1 points up more than V6 (${signed1(upV1)}, ${signed1(upV6)}) and runs against aVR (${signed1(avrV1)})`;
    return [`chest electrodes in reverse order? ${found}`];
  }
  if (withV6 < 0 && up1 < limits.ARM_DOWN) {
    const found = `lead I points down (${signed1(up1)}) and runs against V6 (correlation ${signed1(withV6)})`;
    return [`arm electrodes swapped? ${found}`];
  }
  if (withV6 > 0 && up1 + upV6 < limits.BOTH_DOWN) {
    return [`all leads inverted? Leads I and V6 both point down (${signed1(up1)}, ${signed1(upV6)})`];
  }
  return [];
}

const signed1 = (value) => `${value < 0 ? "" : "+"}${value.toFixed(1)}`;

// Values less their moving mean over n samples; the ends go on as they are.
function withoutWander(values, n) {
  const at = (t) => values[Math.max(0, Math.min(values.length - 1, t))];
  let sum = 0;
  for (let t = -Math.floor(n / 2) - 1; t < n - Math.floor(n / 2) - 1; t++) sum += at(t);
  return values.map((value, t) => {
    sum += at(t - Math.floor(n / 2) + n - 1) - at(t - Math.floor(n / 2) - 1);
    return value - sum / n;
  });
}

function pointing(values) {
  const sorted = Float64Array.from(values).sort();
  const out = Math.floor(values.length / 200);
  const [lowest, highest] = [sorted[out], sorted[values.length - 1 - out]];
  return (highest + lowest) / Math.max(highest - lowest, 1e-12);
}

function along(a, b) {
  const dot = (x, y) => x.reduce((sum, value, t) => sum + value * y[t], 0);
  return dot(a, b) / (Math.sqrt(dot(a, a)) + 1e-12) / (Math.sqrt(dot(b, b)) + 1e-12);
}

function unitFactor(spans, [low, high]) {
  const sorted = spans.filter((span) => Number.isFinite(span) && span > 0).sort((a, b) => a - b);
  const half = sorted.length / 2;
  const span = sorted.length ? (sorted[Math.ceil(half) - 1] + sorted[Math.floor(half)]) / 2 : 1;
  if (span >= low && span <= high) return 1;
  return 1000 ** -Math.max(-2, Math.min(2, rounded(Math.log10(span) / 3)));
}

export function unitNote(factor) {
  const near = (value) => Math.abs(factor / value - 1) < 1e-9;
  const unit = near(1e-3) ? "uV" : near(1e3) ? "V" : near(1e-6) ? "nV" : null;
  const guess = unit ? `the values look like ${unit}, not mV` : "the values do not look like an ECG in mV";
  return `${guess}: multiply by ${near(1e6) ? "1e+06" : near(1e-6) ? "1e-06" : g(factor)}?`;
}
