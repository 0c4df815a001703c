const c1 = 0xcc9e2d51;
const c2 = 0x1b873593;
const c3 = 0x38b34ae5;
const c4 = 0xa1e38b93;

/**
 * The 64-bit hash of a key, as two lanes of 32 bits, written to `low[at]` and `high[at]`. A fast mixer after MurmurHash3 (two crossed lanes over 32-bit words,
 * `fmix32` at the end), not a cryptographic one: a hundred million keys of twelve bytes take about two seconds. Among ten million keys two share
 * a hash with a chance of 3 in a million.
 * @param seed any 32-bit integer; which keys a sample holds depends on it
 */
export function hashKey(
  bytes: Uint8Array,
  begin: number,
  end: number,
  seed: number,
  low: Int32Array,
  high: Int32Array,
  at: number,
): void {
  let a = seed | 0;
  let b = ~seed;
  let i = begin;
  for (; i + 4 <= end; i += 4) {
    const k = bytes[i]! | (bytes[i + 1]! << 8) | (bytes[i + 2]! << 16) | (bytes[i + 3]! << 24);
    const p = Math.imul(k, c1);
    const q = Math.imul(k, c3);
    a = Math.imul(a ^ Math.imul((p << 15) | (p >>> 17), c2), 5) + 0x561ccd1b;
    b = Math.imul(b ^ Math.imul((q << 17) | (q >>> 15), c4), 9) + 0x32ac3b17;
    a = ((a << 13) | (a >>> 19)) + b;
    b = (b << 11) | (b >>> 21);
  }
  let k = 0;
  for (let shift = 0; i < end; i++, shift += 8) k |= bytes[i]! << shift;
  a ^= Math.imul(k, c1);
  b ^= Math.imul(k, c3) ^ (end - begin);
  a = mix(a + b);
  b = mix(b + a);
  low[at] = a + b;
  high[at] = b;
}

/** The same for a whole number ≥ 0 in place of a key's bytes. */
export function hashNumber(value: number, seed: number, low: Int32Array, high: Int32Array, at: number): void {
  const upper = Math.floor(value / 4_294_967_296);
  const a = mix(Math.imul(value, c1) ^ seed ^ Math.imul(upper, c4));
  const b = mix(Math.imul(value, c3) + a + upper);
  low[at] = mix(a + b);
  high[at] = b;
}

/** MurmurHash3's `fmix32`. */
function mix(h: number): number {
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return h ^ (h >>> 16);
}
