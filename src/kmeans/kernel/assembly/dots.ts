// The inner loops. What they find goes through globals: WebAssembly functions give back one value well, and several badly.

/** Dot products of four rows with three centroids: one vector of four rows for each centroid. */
export let dots0: v128 = f32x4.splat(0);
export let dots1: v128 = f32x4.splat(0);
export let dots2: v128 = f32x4.splat(0);

/** Dot products of one row with eight centroids: four and four. */
export let dotsLow: v128 = f32x4.splat(0);
export let dotsHigh: v128 = f32x4.splat(0);

/** a × b + c; fused where the module was compiled for relaxed SIMD. */
@inline
function madd(a: v128, b: v128, c: v128): v128 {
  if (ASC_FEATURE_RELAXED_SIMD) return v128.relaxed_madd<f32>(a, b, c);
  return f32x4.add(f32x4.mul(a, b), c);
}

/** The sums of four vectors' lanes, as one vector. */
@inline
function sums(a: v128, b: v128, c: v128, d: v128): v128 {
  const ab = f32x4.add(v128.shuffle<f32>(a, b, 0, 4, 1, 5), v128.shuffle<f32>(a, b, 2, 6, 3, 7));
  const cd = f32x4.add(v128.shuffle<f32>(c, d, 0, 4, 1, 5), v128.shuffle<f32>(c, d, 2, 6, 3, 7));
  return f32x4.add(v128.shuffle<f32>(ab, cd, 0, 1, 4, 5), v128.shuffle<f32>(ab, cd, 2, 3, 6, 7));
}

/**
 * Four rows × three centroids, in registers.
 * @param c the first of three centroids that lie one behind the other
 * @param bytes of a row: a multiple of 16
 */
export function dots4x3(x0: usize, x1: usize, x2: usize, x3: usize, c: usize, bytes: usize): void {
  let a00 = f32x4.splat(0);
  let a01 = a00;
  let a02 = a00;
  let a10 = a00;
  let a11 = a00;
  let a12 = a00;
  let a20 = a00;
  let a21 = a00;
  let a22 = a00;
  let a30 = a00;
  let a31 = a00;
  let a32 = a00;
  let p0 = c;
  let p1 = c + bytes;
  let p2 = p1 + bytes;
  for (let at: usize = 0; at < bytes; at += 16) {
    const c0 = v128.load(p0 + at);
    const c1 = v128.load(p1 + at);
    const c2 = v128.load(p2 + at);
    let x = v128.load(x0 + at);
    a00 = madd(x, c0, a00);
    a01 = madd(x, c1, a01);
    a02 = madd(x, c2, a02);
    x = v128.load(x1 + at);
    a10 = madd(x, c0, a10);
    a11 = madd(x, c1, a11);
    a12 = madd(x, c2, a12);
    x = v128.load(x2 + at);
    a20 = madd(x, c0, a20);
    a21 = madd(x, c1, a21);
    a22 = madd(x, c2, a22);
    x = v128.load(x3 + at);
    a30 = madd(x, c0, a30);
    a31 = madd(x, c1, a31);
    a32 = madd(x, c2, a32);
  }
  dots0 = sums(a00, a10, a20, a30);
  dots1 = sums(a01, a11, a21, a31);
  dots2 = sums(a02, a12, a22, a32);
}

/** One row × eight centroids that lie one behind the other. */
export function dots1x8(x: usize, c: usize, bytes: usize): void {
  let a0 = f32x4.splat(0);
  let a1 = a0;
  let a2 = a0;
  let a3 = a0;
  let a4 = a0;
  let a5 = a0;
  let a6 = a0;
  let a7 = a0;
  const p1 = c + bytes;
  const p2 = p1 + bytes;
  const p3 = p2 + bytes;
  const p4 = p3 + bytes;
  const p5 = p4 + bytes;
  const p6 = p5 + bytes;
  const p7 = p6 + bytes;
  for (let at: usize = 0; at < bytes; at += 16) {
    const v = v128.load(x + at);
    a0 = madd(v, v128.load(c + at), a0);
    a1 = madd(v, v128.load(p1 + at), a1);
    a2 = madd(v, v128.load(p2 + at), a2);
    a3 = madd(v, v128.load(p3 + at), a3);
    a4 = madd(v, v128.load(p4 + at), a4);
    a5 = madd(v, v128.load(p5 + at), a5);
    a6 = madd(v, v128.load(p6 + at), a6);
    a7 = madd(v, v128.load(p7 + at), a7);
  }
  dotsLow = sums(a0, a1, a2, a3);
  dotsHigh = sums(a4, a5, a6, a7);
}

export function dot1(x: usize, c: usize, bytes: usize): f32 {
  let a = f32x4.splat(0);
  for (let at: usize = 0; at < bytes; at += 16) a = madd(v128.load(x + at), v128.load(c + at), a);
  const half = f32x4.add(a, v128.shuffle<f32>(a, a, 2, 3, 0, 1));
  return f32x4.extract_lane(half, 0) + f32x4.extract_lane(half, 1);
}

/** Squared distance, of differences: exact where the two are nearly the same. */
export function square1(x: usize, c: usize, bytes: usize): f32 {
  let a = f32x4.splat(0);
  for (let at: usize = 0; at < bytes; at += 16) {
    const d = f32x4.sub(v128.load(x + at), v128.load(c + at));
    a = madd(d, d, a);
  }
  const half = f32x4.add(a, v128.shuffle<f32>(a, a, 2, 3, 0, 1));
  return f32x4.extract_lane(half, 0) + f32x4.extract_lane(half, 1);
}
