/**
 * Block length for the circular block bootstrap of a series: Politis & White, "Automatic block-length selection for the
 * dependent bootstrap" (Econometric Reviews 23, 2004), with the correction of Patton, Politis & White (2009). Lags count
 * up to the first run of K insignificant autocorrelations; a flat-top window weighs them.
 * @param series one number per window, in order of time
 * @returns a whole number of windows, at least 1, at most a quarter of the series, so that at least four blocks remain
 */
export function automaticBlockLength(series: ArrayLike<number>): number {
  const n = series.length;
  const longest = Math.max(1, Math.floor(n / 4));
  if (longest === 1) return 1;
  const maxLag = Math.min(n - 2, Math.ceil(Math.sqrt(n)) + Math.max(5, Math.ceil(Math.log10(n))));
  const covariance = autocovariances(series, maxLag);
  // A constant series has no correlation, only rounding.
  if (covariance[0]! <= 1e-18 * largestSquare(series)) return 1;
  const reach = bandwidth(covariance, n);
  let spectrum = 0;
  let slope = 0;
  for (let lag = -reach; lag <= reach; lag++) {
    const at = Math.abs(lag);
    const weight = flatTop(at / Math.max(1, reach)) * (covariance[at] ?? 0);
    spectrum += weight;
    slope += at * weight;
  }
  const circular = (4 / 3) * spectrum * spectrum;
  if (!(circular > 0)) return 1;
  const length = Math.cbrt((2 * slope * slope * n) / circular);
  return Math.min(longest, Math.max(1, Math.round(length)));
}

function largestSquare(series: ArrayLike<number>): number {
  let largest = 0;
  for (let i = 0; i < series.length; i++) largest = Math.max(largest, series[i]! ** 2);
  return largest;
}

/** Biased sample autocovariances at lags 0 … maxLag. */
function autocovariances(series: ArrayLike<number>, maxLag: number): Float64Array {
  const n = series.length;
  let mean = 0;
  for (let i = 0; i < n; i++) mean += series[i]! / n;
  const out = new Float64Array(maxLag + 1);
  for (let lag = 0; lag <= maxLag; lag++) {
    let sum = 0;
    for (let i = lag; i < n; i++) sum += (series[i]! - mean) * (series[i - lag]! - mean);
    out[lag] = sum / n;
  }
  return out;
}

/** Twice the lag after which K autocorrelations in a row are within 2 √(log₁₀ n / n) of zero. */
function bandwidth(covariance: Float64Array, n: number): number {
  const maxLag = covariance.length - 1;
  const run = Math.min(maxLag, Math.max(5, Math.ceil(Math.sqrt(Math.log10(n)))));
  const limit = 2 * Math.sqrt(Math.log10(n) / n);
  const significant = (lag: number) => Math.abs(covariance[lag]! / covariance[0]!) > limit;
  let last = 0;
  for (let lag = 1; lag <= maxLag && lag - last <= run; lag++) if (significant(lag)) last = lag;
  return Math.min(2 * last, maxLag);
}

/** Politis & Romano's trapezoid: 1 up to a half, then down to 0 at 1. */
function flatTop(t: number): number {
  return t <= 0.5 ? 1 : Math.max(0, 2 * (1 - t));
}
