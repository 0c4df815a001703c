// The kernel. Every function works on items [from, to), so that threads can share them out; addresses are bytes of one shared memory.
// `bytes` is the size of a row, padded with zeros to a multiple of 16. Item i is row index[i], or row i where `index` is 0.
// A score is bias[c] − x·c: the smaller the nearer. With half the squared length as the bias it orders as Euclidean distance does,
// with 0 as the dot product. Centroids are padded to a multiple of three, with an infinite bias.

import { dot1, dots0, dots1, dots1x8, dots2, dots4x3, dotsHigh, dotsLow, square1 } from "./dots";

/** Rows that are worked on while a tile of centroids is in the L1 cache: together they stay in L2. */
const rowBlockBytes: usize = 192 * 1024;
const tileBytes: usize = 24 * 1024;

@inline
function rowAt(index: usize, rows: usize, bytes: usize, i: i32): usize {
  return rows + bytes * usize(index == 0 ? i : load<i32>(index + (usize(i) << 2)));
}

let best4: v128 = f32x4.splat(0);
let second4: v128 = f32x4.splat(0);
let label4: v128 = i32x4.splat(0);
let other4: v128 = i32x4.splat(0);

/** Takes the scores of four rows for centroid c into their best and second. Ties go to the lower number. */
@inline
function take(score: v128, c: i32): void {
  const first = f32x4.lt(score, best4);
  const next = f32x4.lt(score, second4);
  const number = i32x4.splat(c);
  second4 = v128.bitselect(best4, v128.bitselect(score, second4, next), first);
  other4 = v128.bitselect(label4, v128.bitselect(number, other4, next), first);
  best4 = v128.bitselect(score, best4, first);
  label4 = v128.bitselect(number, label4, first);
}

/** The nearest and the second nearest centroid of each item: `label`, `best`, `other`, `second` are indexed by item, with room for a multiple of four. */
export function nearest(
  from: i32,
  to: i32,
  index: usize,
  rows: usize,
  bytes: usize,
  centroids: usize,
  bias: usize,
  count: i32,
  label: usize,
  best: usize,
  other: usize,
  second: usize,
): void {
  const block = i32(max<usize>(4, (rowBlockBytes / bytes) & ~3));
  const tile = i32(max<usize>(3, (tileBytes / bytes / 3) * 3));
  const infinite = f32x4.splat(f32.MAX_VALUE);
  for (let start = from; start < to; start += block) {
    const end = min(start + block, to);
    for (let c0 = 0; c0 < count; c0 += tile) {
      const c1 = min(c0 + tile, count);
      for (let i = start; i < end; i += 4) {
        const last = end - 1;
        const x0 = rowAt(index, rows, bytes, i);
        const x1 = rowAt(index, rows, bytes, min(i + 1, last));
        const x2 = rowAt(index, rows, bytes, min(i + 2, last));
        const x3 = rowAt(index, rows, bytes, min(i + 3, last));
        const at = usize(i) << 2;
        if (c0 == 0) {
          best4 = infinite;
          second4 = infinite;
          label4 = i32x4.splat(0);
          other4 = i32x4.splat(0);
        } else {
          best4 = v128.load(best + at);
          second4 = v128.load(second + at);
          label4 = v128.load(label + at);
          other4 = v128.load(other + at);
        }
        for (let c = c0; c < c1; c += 3) {
          dots4x3(x0, x1, x2, x3, centroids + usize(c) * bytes, bytes);
          const b = bias + (usize(c) << 2);
          take(f32x4.sub(v128.load32_splat(b), dots0), c);
          take(f32x4.sub(v128.load32_splat(b, 4), dots1), c + 1);
          take(f32x4.sub(v128.load32_splat(b, 8), dots2), c + 2);
        }
        v128.store(best + at, best4);
        v128.store(second + at, second4);
        v128.store(label + at, label4);
        v128.store(other + at, other4);
      }
    }
  }
}

/** Every score of every item: `out` holds `width` numbers an item (at least `count`). */
export function scores(
  from: i32,
  to: i32,
  index: usize,
  rows: usize,
  bytes: usize,
  centroids: usize,
  bias: usize,
  count: i32,
  out: usize,
  width: i32,
): void {
  const row = usize(width) << 2;
  for (let i = from; i < to; i += 4) {
    const last = to - 1;
    const x0 = rowAt(index, rows, bytes, i);
    const x1 = rowAt(index, rows, bytes, min(i + 1, last));
    const x2 = rowAt(index, rows, bytes, min(i + 2, last));
    const x3 = rowAt(index, rows, bytes, min(i + 3, last));
    const o0 = out + row * usize(i);
    for (let c = 0; c < count; c += 3) {
      dots4x3(x0, x1, x2, x3, centroids + usize(c) * bytes, bytes);
      for (let j = 0; j < 3; j++) {
        if (c + j >= width) break;
        const at = usize(c + j) << 2;
        const dots = j == 0 ? dots0 : j == 1 ? dots1 : dots2;
        const s = f32x4.sub(v128.load32_splat(bias + at), dots);
        store<f32>(o0 + at, f32x4.extract_lane(s, 0));
        if (i + 1 < to) store<f32>(o0 + row + at, f32x4.extract_lane(s, 1));
        if (i + 2 < to) store<f32>(o0 + 2 * row + at, f32x4.extract_lane(s, 2));
        if (i + 3 < to) store<f32>(o0 + 3 * row + at, f32x4.extract_lane(s, 3));
      }
    }
  }
}

/**
 * What choosing each of some candidates would leave of the squared distances: out[c][item] = min(current[item], ‖x − c‖²), and their sum
 * by chunk and candidate. `squares` are the squared lengths of the rows, `candidateSquares` of the candidates.
 */
export function closer(
  from: i32,
  to: i32,
  index: usize,
  rows: usize,
  bytes: usize,
  squares: usize,
  candidates: usize,
  candidateSquares: usize,
  count: i32,
  current: usize,
  out: usize,
  width: i32,
  sums: usize,
  chunk: i32,
): void {
  const column = usize(width) << 2;
  const to4 = sums + ((usize(from / chunk) * usize(count)) << 3);
  for (let c = 0; c < count; c++) store<f64>(to4 + (usize(c) << 3), 0);
  for (let i = from; i < to; i += 4) {
    const last = to - 1;
    const i1 = min(i + 1, last);
    const i2 = min(i + 2, last);
    const i3 = min(i + 3, last);
    const x0 = rowAt(index, rows, bytes, i);
    const x1 = rowAt(index, rows, bytes, i1);
    const x2 = rowAt(index, rows, bytes, i2);
    const x3 = rowAt(index, rows, bytes, i3);
    let own = f32x4.splat(load<f32>(squareAt(index, squares, i)));
    own = f32x4.replace_lane(own, 1, load<f32>(squareAt(index, squares, i1)));
    own = f32x4.replace_lane(own, 2, load<f32>(squareAt(index, squares, i2)));
    own = f32x4.replace_lane(own, 3, load<f32>(squareAt(index, squares, i3)));
    const at = usize(i) << 2;
    const now = v128.load(current + at);
    for (let c = 0; c < count; c += 3) {
      dots4x3(x0, x1, x2, x3, candidates + usize(c) * bytes, bytes);
      const few = min(3, count - c);
      for (let j = 0; j < few; j++) {
        const dots = j == 0 ? dots0 : j == 1 ? dots1 : dots2;
        const both = f32x4.add(own, v128.load32_splat(candidateSquares + (usize(c + j) << 2)));
        const square = f32x4.max(f32x4.splat(0), f32x4.sub(both, f32x4.add(dots, dots)));
        const left = f32x4.min(now, square);
        v128.store(out + column * usize(c + j) + at, left);
        const sum = to4 + (usize(c + j) << 3);
        let total = load<f64>(sum) + f64(f32x4.extract_lane(left, 0));
        if (i + 1 < to) total += f64(f32x4.extract_lane(left, 1));
        if (i + 2 < to) total += f64(f32x4.extract_lane(left, 2));
        if (i + 3 < to) total += f64(f32x4.extract_lane(left, 3));
        store<f64>(sum, total);
      }
    }
  }
}

@inline
function squareAt(index: usize, squares: usize, i: i32): usize {
  return squares + (usize(index == 0 ? i : load<i32>(index + (usize(i) << 2))) << 2);
}

/** Sums of rows: segment s of [from, to) is the rows order[bounds[s]] … order[bounds[s + 1] − 1]; `out` has a row of f64 for each. */
export function addRows(from: i32, to: i32, rows: usize, bytes: usize, order: usize, bounds: usize, out: usize): void {
  for (let s = from; s < to; s++) {
    const sum = out + usize(s) * bytes * 2;
    memory.fill(sum, 0, bytes * 2);
    const end = load<i32>(bounds + (usize(s + 1) << 2));
    let i = load<i32>(bounds + (usize(s) << 2));
    // Four at a time in f32: a rounding in 2^24, once, for a third of the work.
    for (; i + 4 <= end; i += 4) {
      const at = order + (usize(i) << 2);
      const x0 = rows + bytes * usize(load<i32>(at));
      const x1 = rows + bytes * usize(load<i32>(at, 4));
      const x2 = rows + bytes * usize(load<i32>(at, 8));
      const x3 = rows + bytes * usize(load<i32>(at, 12));
      for (let d: usize = 0; d < bytes; d += 16) {
        const four = f32x4.add(
          f32x4.add(v128.load(x0 + d), v128.load(x1 + d)),
          f32x4.add(v128.load(x2 + d), v128.load(x3 + d)),
        );
        addTo(sum + d * 2, four);
      }
    }
    for (; i < end; i++) {
      const x = rows + bytes * usize(load<i32>(order + (usize(i) << 2)));
      for (let d: usize = 0; d < bytes; d += 16) addTo(sum + d * 2, v128.load(x + d));
    }
  }
}

@inline
function addTo(sum: usize, four: v128): void {
  v128.store(sum, f64x2.add(v128.load(sum), f64x2.promote_low_f32x4(four)));
  const high = v128.shuffle<f32>(four, four, 2, 3, 2, 3);
  v128.store(sum, f64x2.add(v128.load(sum, 16), f64x2.promote_low_f32x4(high)), 16);
}

/** Squared lengths of rows. With `scale`, each row is brought to length one first; one of zeros stays. */
export function prepare(from: i32, to: i32, rows: usize, bytes: usize, squares: usize, scale: i32): void {
  for (let i = from; i < to; i++) {
    const x = rows + bytes * usize(i);
    let sum: f64 = 0;
    for (let d: usize = 0; d < bytes; d += 4) {
      const value = f64(load<f32>(x + d));
      sum += value * value;
    }
    if (scale != 0 && sum > 0) {
      const factor = 1 / sqrt(sum);
      sum = 0;
      for (let d: usize = 0; d < bytes; d += 4) {
        const value = f32(f64(load<f32>(x + d)) * factor);
        store<f32>(x + d, value);
        sum += f64(value) * f64(value);
      }
    }
    store<f32>(squares + (usize(i) << 2), f32(sum));
  }
}

/** Moves rows by a vector: of f32, a row long. */
export function shift(from: i32, to: i32, rows: usize, bytes: usize, by: usize): void {
  for (let i = from; i < to; i++) {
    const x = rows + bytes * usize(i);
    for (let d: usize = 0; d < bytes; d += 16) v128.store(x + d, f32x4.sub(v128.load(x + d), v128.load(by + d)));
  }
}

/** Squared distance of each item to the centroid of its label, from the differences. */
export function squareToOwn(
  from: i32,
  to: i32,
  index: usize,
  rows: usize,
  bytes: usize,
  centroids: usize,
  label: usize,
  out: usize,
): void {
  for (let i = from; i < to; i++) {
    const at = usize(i) << 2;
    const c = centroids + bytes * usize(load<i32>(label + at));
    store<f32>(out + at, square1(rowAt(index, rows, bytes, i), c, bytes));
  }
}

/**
 * One step of Yinyang k-means (Ding et al., ICML 2015) with groups of centroids that lie one behind the other; one group is Hamerly's
 * algorithm. `upper` bounds the distance to the own centroid, lower[item][group] that to the nearest other one of the group. `drift` says how far
 * each centroid moved since, `groupDrift` the farthest of each group. `first`: there are no bounds yet, so everything is looked at.
 * `looked` has 64 bytes a chunk, the first four of which come to say how many distances were computed.
 */
export function bounded(
  from: i32,
  to: i32,
  rows: usize,
  bytes: usize,
  squares: usize,
  centroids: usize,
  centroidSquares: usize,
  count: i32,
  groupSize: i32,
  groups: i32,
  drift: usize,
  groupDrift: usize,
  label: usize,
  upper: usize,
  lower: usize,
  first: i32,
  looked: usize,
  chunk: i32,
): void {
  const slot = looked + (usize(from / chunk) << 6);
  const scores8 = slot + 16;
  let distances = 0;
  for (let i = from; i < to; i++) {
    const at = usize(i) << 2;
    const bounds = lower + ((usize(i) * usize(groups)) << 2);
    const x = rows + bytes * usize(i);
    const square = load<f32>(squares + at);
    let own = load<i32>(label + at);
    let nearestYet: f32;
    if (first != 0) {
      own = 0;
      for (let g = 0; g < groups; g++) store<f32>(bounds + (usize(g) << 2), 0);
      nearestYet = distance(x, square, centroids, load<f32>(centroidSquares), bytes);
      distances++;
    } else {
      const far = load<f32>(upper + at) + load<f32>(drift + (usize(own) << 2));
      let least = f32.MAX_VALUE;
      for (let g = 0; g < groups; g++) {
        const b = bounds + (usize(g) << 2);
        const bound = load<f32>(b) - load<f32>(groupDrift + (usize(g) << 2));
        store<f32>(b, bound);
        least = min(least, bound);
      }
      if (far <= least) {
        store<f32>(upper + at, far);
        continue;
      }
      nearestYet = distance(x, square, centroids + bytes * usize(own), load<f32>(centroidSquares + (usize(own) << 2)), bytes);
      distances++;
      if (nearestYet <= least) {
        store<f32>(upper + at, nearestYet);
        continue;
      }
    }
    for (let g = 0; g < groups; g++) {
      const b = bounds + (usize(g) << 2);
      if (load<f32>(b) >= nearestYet) continue;
      let one = f32.MAX_VALUE;
      let two = f32.MAX_VALUE;
      let which = -1;
      const c0 = g * groupSize;
      const c1 = min(c0 + groupSize, count);
      let c = c0;
      for (; c < c1; c += 8) {
        const few = min(8, c1 - c);
        if (few < 4) break;
        // Room behind the last centroid is padded: what is found there is not looked at.
        dots1x8(x, centroids + bytes * usize(c), bytes);
        const twice = f32x4.splat(2);
        const own4 = f32x4.splat(square);
        const s = centroidSquares + (usize(c) << 2);
        v128.store(scores8, f32x4.sub(f32x4.add(own4, v128.load(s)), f32x4.mul(twice, dotsLow)));
        v128.store(scores8, f32x4.sub(f32x4.add(own4, v128.load(s, 16)), f32x4.mul(twice, dotsHigh)), 16);
        distances += few;
        for (let j = 0; j < few; j++) {
          if (c + j == own) continue;
          const d = load<f32>(scores8 + (usize(j) << 2));
          if (d < one) {
            two = one;
            one = d;
            which = c + j;
          } else if (d < two) two = d;
        }
      }
      for (; c < c1; c++) {
        if (c == own) continue;
        const dots = dot1(x, centroids + bytes * usize(c), bytes);
        const d = square + load<f32>(centroidSquares + (usize(c) << 2)) - 2 * dots;
        distances++;
        if (d < one) {
          two = one;
          one = d;
          which = c;
        } else if (d < two) two = d;
      }
      const near = sqrt(max<f32>(0, one));
      if (near < nearestYet) {
        // The one that was nearest is now an other one of its group.
        const was = bounds + (usize(own / groupSize) << 2);
        store<f32>(b, sqrt(max<f32>(0, two)));
        store<f32>(was, min(load<f32>(was), nearestYet));
        nearestYet = near;
        own = which;
      } else store<f32>(b, near);
    }
    store<f32>(upper + at, nearestYet);
    store<i32>(label + at, own);
  }
  store<i32>(slot, distances);
}

@inline
function distance(x: usize, square: f32, c: usize, centroidSquare: f32, bytes: usize): f32 {
  return sqrt(max<f32>(0, square + centroidSquare - 2 * dot1(x, c, bytes)));
}

/** The cheapest and the second cheapest column of some rows of a matrix of scores, each column with a price on top. Results are indexed by row. */
export function cheapest(
  from: i32,
  to: i32,
  index: usize,
  matrix: usize,
  width: i32,
  prices: usize,
  count: i32,
  label: usize,
  best: usize,
  other: usize,
  second: usize,
): void {
  for (let i = from; i < to; i++) {
    const row = index == 0 ? i : load<i32>(index + (usize(i) << 2));
    const scores = matrix + ((usize(row) * usize(width)) << 2);
    let one = f32.MAX_VALUE;
    let two = f32.MAX_VALUE;
    let first = 0;
    let next = 0;
    for (let c = 0; c < count; c++) {
      const score = load<f32>(scores + (usize(c) << 2)) + load<f32>(prices + (usize(c) << 2));
      if (score >= two) continue;
      if (score < one) {
        two = one;
        next = first;
        one = score;
        first = c;
      } else {
        two = score;
        next = c;
      }
    }
    const at = usize(row) << 2;
    store<i32>(label + at, first);
    store<f32>(best + at, one);
    store<i32>(other + at, next);
    store<f32>(second + at, two);
  }
}
