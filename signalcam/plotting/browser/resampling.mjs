// Another sampling rate, as `scipy.signal.resample_poly` computes it: a Kaiser-windowed filter of zero phase,
// beyond the ends the line through the first and the last sample goes on.

// The values at the wanted rate, or null where the rates have no simple ratio.
export function resampled(values, rate, wanted) {
  const ratio = simpleRatio(wanted / rate);
  if (!ratio) return null;
  const [up, down] = ratio;
  const half = 10 * Math.max(up, down);
  const filter = lowPass(half, 1 / Math.max(up, down), up);
  const length = Math.ceil((values.length * up) / down);
  const slope = values.length > 1 ? (values.at(-1) - values[0]) / (values.length - 1) : 0;
  const sample = (t) => values[t] ?? values[0] + slope * t;
  return Float32Array.from({ length }, (_, place) => {
    const centre = place * down;
    let sum = 0;
    for (let t = Math.ceil((centre - half) / up); t <= Math.floor((centre + half) / up); t++) {
      sum += sample(t) * filter[centre + half - t * up];
    }
    return sum;
  });
}

function simpleRatio(ratio) {
  for (let down = 1; down <= 5000; down++) {
    const up = Math.round(ratio * down);
    if (up > 0 && up <= 5000 && Math.abs(up / down / ratio - 1) <= 1e-7) return [up, down];
  }
  return null;
}

function lowPass(half, cutoff, gain) {
  const filter = Float64Array.from({ length: 2 * half + 1 }, (_, k) => {
    const position = k - half;
    const angle = Math.PI * cutoff * position;
    const sinc = position ? Math.sin(angle) / angle : 1;
    return sinc * besselI0(5 * Math.sqrt(1 - (position / half) ** 2));
  });
  const sum = filter.reduce((total, value) => total + value, 0);
  return filter.map((value) => (value * gain) / sum);
}

function besselI0(x) {
  let [sum, term] = [1, 1];
  for (let k = 1; term > 1e-17 * sum; k++) {
    term *= (x / (2 * k)) ** 2;
    sum += term;
  }
  return sum;
}
