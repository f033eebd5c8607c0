// The network of `signalcam.model` in plain JavaScript, from samples in mV to probability and evidence.
// Tensors are {data: Float32Array, shape}, of one record, channels last: (time, channel) or (time, row, channel).

// The bytes that a text in base64 stands for.
export const decoded64 = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0)).buffer;

const product = (numbers) => numbers.reduce((result, number) => result * number, 1);

// (time, row, channel) of a tensor of any rank.
function axes(shape) {
  const channels = shape.at(-1);
  const time = shape.length > 1 ? shape[0] : 1;
  return [time, product(shape) / (time * channels), channels];
}

const shaped = (like, time, rows, channels) =>
  like.length === 1 ? [channels] : like.length === 2 ? [time, channels] : [time, rows, channels];

// How many places a window takes along an axis, and how many zeros stand before the first, as in TensorFlow.
function windows(length, size, stride, dilation, padding) {
  const reach = (size - 1) * dilation + 1;
  if (padding !== "same") return [Math.floor((length - reach) / stride) + 1, 0];
  const count = Math.ceil(length / stride);
  return [count, Math.floor(Math.max((count - 1) * stride + reach - length, 0) / 2)];
}

// An option of a layer as (time, row); that of a 1D layer is for one row.
const pair = (option) => [...[option ?? 1].flat(), 1, 1].slice(0, 2);

// Slides a window over (time, row): fill(sums, taps) gets the channels of one place of the result, and for each
// tap within the input its place there and its number in the window.
function slide(x, channels, size, step, fill) {
  const [time, rows] = axes(x.shape);
  const [[height, width], [down, right], [tall, wide]] = [size, pair(step.strides ?? size), pair(step.dilation_rate)];
  const [outTime, top] = windows(time, height, down, tall, step.padding);
  const [outRows, left] = windows(rows, width, right, wide, step.padding);
  const data = new Float32Array(outTime * outRows * channels);
  const sums = new Float64Array(channels);
  for (let place = 0; place < outTime * outRows; place++) {
    const [t, r] = [Math.floor(place / outRows), place % outRows];
    const taps = [];
    for (let i = 0; i < height; i++) {
      const fromTime = t * down - top + i * tall;
      for (let j = 0; fromTime >= 0 && fromTime < time && j < width; j++) {
        const fromRow = r * right - left + j * wide;
        if (fromRow >= 0 && fromRow < rows) taps.push([fromTime * rows + fromRow, i * width + j]);
      }
    }
    fill(sums, taps);
    data.set(sums, place * channels);
  }
  return { data, shape: shaped(x.shape, outTime, outRows, channels) };
}

// Kernels are (time, row, input, output) or, of 1D layers and Dense, fewer of these.
function convolution(x, step, kernel, bias) {
  const [inputs, outputs] = kernel.shape.slice(-2);
  const size = pair(kernel.shape.slice(0, -2));
  return slide(x, outputs, size, step, (sums, taps) => {
    if (bias) sums.set(bias.data);
    else sums.fill(0);
    for (const [from, tap] of taps) {
      for (let c = 0; c < inputs; c++) {
        const value = x.data[from * inputs + c];
        const row = (tap * inputs + c) * outputs;
        for (let k = 0; k < outputs; k++) sums[k] += value * kernel.data[row + k];
      }
    }
  });
}

function depthwise(x, step, kernel, bias) {
  const [inputs, multiplier] = kernel.shape.slice(-2);
  const size = pair(kernel.shape.slice(0, -2));
  return slide(x, inputs * multiplier, size, step, (sums, taps) => {
    if (bias) sums.set(bias.data);
    else sums.fill(0);
    for (const [from, tap] of taps) {
      for (let k = 0; k < sums.length; k++) {
        sums[k] += x.data[from * inputs + Math.floor(k / multiplier)] * kernel.data[tap * sums.length + k];
      }
    }
  });
}

function separable(x, step, { depthwise_kernel: each, pointwise_kernel: kernel, bias }) {
  return convolution(depthwise(x, step, each), { padding: "same", strides: 1 }, kernel, bias);
}

function maxPooling(x, step) {
  const channels = x.shape.at(-1);
  return slide(x, channels, pair(step.pool_size), step, (sums, taps) => {
    sums.fill(-Infinity);
    for (const [from] of taps) {
      for (let k = 0; k < channels; k++) sums[k] = Math.max(sums[k], x.data[from * channels + k]);
    }
  });
}

function average(x, nAxes) {
  const shape = x.shape.slice(nAxes);
  const sums = new Float64Array(product(shape));
  x.data.forEach((value, place) => (sums[place % sums.length] += value));
  return { data: Float32Array.from(sums, (sum) => (sum * sums.length) / x.data.length), shape };
}

function concatenated(parts, kerasAxis) {
  const axis = kerasAxis < 0 ? parts[0].shape.length + kerasAxis : kerasAxis - 1; // Keras counts the record first
  const shape = [...parts[0].shape];
  shape[axis] = parts.reduce((sum, part) => sum + part.shape[axis], 0);
  const data = new Float32Array(product(shape));
  const whole = product(shape.slice(axis));
  let offset = 0;
  for (const part of parts) {
    const size = product(part.shape.slice(axis));
    for (let block = 0; block * size < part.data.length; block++) {
      data.set(part.data.subarray(block * size, (block + 1) * size), block * whole + offset);
    }
    offset += size;
  }
  return { data, shape };
}

function reshaped(x, target) {
  const known = product(target.filter((size) => size >= 0));
  return { data: x.data, shape: target.map((size) => (size < 0 ? x.data.length / known : size)) };
}

// The two layers of `signalcam.map_layers` that give the evidence of each lead.
function splitRows(x, sizes) {
  const [time, channels] = x.shape;
  const data = new Float32Array(time * (sizes.length + 1) * channels);
  const rowOf = sizes.flatMap((size, row) => new Array(size).fill(row));
  x.data.forEach((value, place) => {
    const [t, c] = [Math.floor(place / channels), place % channels];
    data[(t * (sizes.length + 1) + rowOf[c]) * channels + c] = value;
  });
  return { data, shape: [time, sizes.length + 1, channels] };
}

function shareBias(x) {
  const [time, rows, classes] = [x.shape[0], x.shape[1] - 1, x.shape[2]];
  const at = (t, row, k) => x.data[(t * (rows + 1) + row) * classes + k];
  const value = (t, row, k) => at(t, row, k) - (at(t, rows, k) * (rows - 1)) / rows;
  const split = (place) => [Math.floor(place / classes / rows), Math.floor(place / classes) % rows, place % classes];
  const data = Float32Array.from({ length: time * rows * classes }, (_, place) => value(...split(place)));
  return { data, shape: [time, rows, classes] };
}

const each = (x, change) => ({ data: x.data.map(change), shape: x.shape });

const ACTIVATIONS = {
  relu: (x) => each(x, (value) => Math.max(value, 0)),
  sigmoid: (x) => each(x, (value) => 1 / (1 + Math.exp(-value))),
  softmax(x) {
    const classes = x.shape.at(-1);
    const data = new Float32Array(x.data.length);
    for (let start = 0; start < data.length; start += classes) {
      const values = x.data.subarray(start, start + classes);
      const largest = Math.max(...values);
      const sizes = Float64Array.from(values, (value) => Math.exp(value - largest));
      const sum = sizes.reduce((total, size) => total + size, 0);
      data.set(sizes.map((size) => size / sum), start);
    }
    return { data, shape: x.shape };
  },
};

// A function for each layer that `signalcam.deployment.browser` writes: (step, weights, input, further inputs).
const LAYERS = {
  Conv1D: (step, { kernel, bias }, x) => convolution(x, step, kernel, bias),
  Conv2D: (step, { kernel, bias }, x) => convolution(x, step, kernel, bias),
  DepthwiseConv1D: (step, { kernel, bias }, x) => depthwise(x, step, kernel, bias),
  DepthwiseConv2D: (step, { kernel, bias }, x) => depthwise(x, step, kernel, bias),
  SeparableConv1D: (step, weights, x) => separable(x, step, weights),
  SeparableConv2D: (step, weights, x) => separable(x, step, weights),
  Dense: (step, { kernel, bias }, x) => convolution(x, { padding: "same", strides: 1 }, kernel, bias),
  BatchNormalization: (step, { scale, shift }, x) =>
    each(x, (value, k) => value * scale.data[k % scale.data.length] + shift.data[k % shift.data.length]),
  LeakyReLU: (step, weights, x) => each(x, (value) => (value < 0 ? value * step.negative_slope : value)),
  Activation: (step, weights, x) => x, // the activation of any layer comes after it
  MaxPooling1D: (step, weights, x) => maxPooling(x, step),
  MaxPooling2D: (step, weights, x) => maxPooling(x, step),
  GlobalAveragePooling1D: (step, weights, x) => average(x, 1),
  GlobalAveragePooling2D: (step, weights, x) => average(x, 2),
  Reshape: (step, weights, x) => reshaped(x, step.target_shape),
  SplitRows: (step, weights, x) => splitRows(x, step.rows),
  ShareBias: (step, weights, x) => shareBias(x),
  Concatenate: (step, weights, ...parts) => concatenated(parts, step.axis),
  Add: (step, weights, x, ...others) => each(x, (value, k) => others.reduce((sum, { data }) => sum + data[k], value)),
};

// An orthonormal basis of the polynomials up to a degree: Legendre's, by Gram and Schmidt, twice over.
export function polynomials(length, degree) {
  const position = Float64Array.from({ length }, (_, t) => (2 * t) / (length - 1) - 1);
  const dot = (a, b) => a.reduce((sum, value, t) => sum + value * b[t], 0);
  const basis = [];
  for (let n = 0; n <= degree; n++) {
    let next = n ? basis[n - 1].map((value, t) => value * position[t]) : new Float64Array(length).fill(1);
    for (const before of [...basis, ...basis]) {
      const part = dot(before, next);
      next = next.map((value, t) => value - part * before[t]);
    }
    const size = Math.sqrt(dot(next, next));
    basis.push(next.map((value) => value / size));
  }
  return basis;
}

export function detrended(values, basis) {
  const result = Float64Array.from(values);
  for (const polynomial of basis) {
    const part = polynomial.reduce((sum, value, t) => sum + value * values[t], 0);
    for (let t = 0; t < result.length; t++) result[t] -= part * polynomial[t];
  }
  return result;
}

function scaled(values, scaler, lead) {
  let centre, size, largest;
  const mean = (numbers) => numbers.reduce((sum, value) => sum + value, 0) / numbers.length;
  if (scaler.rule.startsWith("record")) {
    const half = values.length / 2;
    const sorted = Float64Array.from(values).sort();
    const median = (sorted[Math.ceil(half) - 1] + sorted[Math.floor(half)]) / 2;
    centre = scaler.rule === "record" ? median : mean(values);
    const magnitudes = values.map((value) => Math.abs(value - centre));
    largest = magnitudes.reduce((most, value) => Math.max(most, value), 0);
    size = scaler.rule === "record" ? largest : Math.sqrt(mean(magnitudes.map((value) => value * value)));
  } else {
    [centre, size, largest] = [scaler.mean[lead], scaler.std[lead], scaler.std[lead]];
  }
  const factor = largest > scaler.flat ? 1 / size : 0;
  const asinh = scaler.rule.endsWith("_asinh");
  return values.map((value) => (asinh ? Math.asinh((value - centre) * factor) : (value - centre) * factor));
}

// A function from samples in mV, Float32Array (time, lead), to {probability, logit, evidence, lead_evidence?}.
export function network(model) {
  const block = new Float32Array(decoded64(model.weights));
  const array = ({ start, shape }) => ({ data: block.subarray(start, start + product(shape)), shape });
  const named = (entries, change) => Object.fromEntries(Object.entries(entries).map(([name, value]) => [name, change(value)]));
  const weights = model.steps.map((step) => named(step.weights, array));
  const nTimes = model.settings.n_times;
  const nLeads = model.settings.lead_names.length;
  const basis = polynomials(nTimes, model.degree);
  return (signals) => {
    const input = new Float32Array(nTimes * nLeads);
    for (let lead = 0; lead < nLeads; lead++) {
      const values = Float64Array.from({ length: nTimes }, (_, t) => signals[t * nLeads + lead]);
      scaled(detrended(values, basis), model.scaler, lead).forEach((value, t) => (input[t * nLeads + lead] = value));
    }
    const results = [{ data: input, shape: [nTimes, nLeads] }];
    model.steps.forEach((step, k) => {
      const result = LAYERS[step.layer](step, weights[k], ...step.from.map((place) => results[place]));
      results.push(ACTIVATIONS[step.activation]?.(result) ?? result);
    });
    const outputs = named(model.outputs, (place) => results[place]);
    if (!outputs.probability.data.every(Number.isFinite)) {
      throw new Error("The probability is not finite. Look at the amplitudes of the recording.");
    }
    return outputs;
  };
}

// How many samples one position of the evidence sees.
export function fieldOfView(model) {
  const seen = [{ stride: 1, field: 1 }];
  for (const { from, weights, pool_size: pool, strides, dilation_rate: dilation, layer } of model.steps) {
    const [{ stride }] = from.map((place) => seen[place]);
    const kernel = layer === "Dense" ? null : (weights.depthwise_kernel ?? weights.kernel)?.shape[0];
    const reach = ((kernel ?? pair(pool)[0]) - 1) * pair(dilation)[0] * stride;
    const field = Math.max(...from.map((place) => seen[place].field)) + reach;
    seen.push({ stride: stride * pair(strides)[0], field });
  }
  return seen[model.outputs.evidence].field;
}
