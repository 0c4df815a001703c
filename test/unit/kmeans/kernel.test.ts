import { describe, expect, it } from "vitest";
import { Arena } from "../../../src/kmeans/arena.ts";
import type { KernelVariant } from "../../../src/kmeans/kernel/contract.ts";
import { engine } from "../../../src/kmeans/kernel/engine.ts";
import { loadKernel, startKernel } from "../../../src/kmeans/kernel/load.ts";
import { seededRng } from "../../../src/runtime.ts";
import { referenceDot, referenceNearest, referenceSquare } from "../../helpers/kmeans-reference.ts";
import { blobs } from "../../helpers/kmeans-data.ts";

const shapes = [
  { n: 1, dim: 1, k: 1 },
  { n: 3, dim: 5, k: 2 },
  { n: 7, dim: 16, k: 3 },
  { n: 130, dim: 33, k: 7 },
  { n: 257, dim: 384, k: 20 },
  { n: 90, dim: 1000, k: 31 },
];

/** Rows and centroids in a memory of their own, padded as the kernel wants them. */
function setUp(variant: KernelVariant, n: number, dim: number, k: number) {
  const arena = new Arena();
  const kernel = startKernel(loadKernel(variant).module, arena.memory);
  const width = Math.ceil(dim / 4) * 4;
  const room = Math.ceil(k / 8) * 8 + 8;
  const rows = arena.f32(n * width);
  const centroids = arena.f32(room * width);
  const { vectors } = blobs({ rows: n + k, dim, clusters: Math.max(2, k >> 1), seed: n + k });
  for (let i = 0; i < n; i++) rows.values.set(vectors[i]!, i * width);
  for (let c = 0; c < k; c++) centroids.values.set(vectors[n + c]!, c * width);
  const squares = arena.f32(room);
  const bias = arena.f32(room);
  bias.values.fill(3.4e38);
  for (let c = 0; c < k; c++) {
    squares.values[c] = referenceDot(centroids.values, c * width, centroids.values, c * width, width);
    bias.values[c] = squares.values[c]! / 2;
  }
  return { arena, kernel, width, bytes: width * 4, padded: Math.ceil(k / 3) * 3, rows, centroids, squares, bias };
}

function near(found: number, wanted: number, scale: number) {
  expect(Math.abs(found - wanted)).toBeLessThanOrEqual(2e-6 * Math.max(1, scale));
}

describe.each(["simd", "relaxed"] as const)("the %s kernel, against the reference", (variant) => {
  it.each(shapes)("finds the nearest two of $k for $n rows of $dim", ({ n, dim, k }) => {
    const { arena, kernel, width, bytes, padded, rows, centroids, bias } = setUp(variant, n, dim, k);
    const [label, best, other, second] = [arena.i32(n), arena.f32(n), arena.i32(n), arena.f32(n)];
    kernel.nearest(0, n, 0, rows.at, bytes, centroids.at, bias.at, padded, label.at, best.at, other.at, second.at);
    const wanted = referenceNearest({ rows: rows.values, width }, centroids.values, [...bias.values.subarray(0, k)]);
    for (const [i, row] of wanted.entries()) {
      expect(label.values[i]).toBe(row.label);
      near(best.values[i]!, row.best, dim);
      if (k === 1) continue;
      expect(other.values[i]).toBe(row.other);
      near(second.values[i]!, row.second, dim);
    }
  });

  it("takes rows by an index, and items from the middle", () => {
    const [n, k] = [50, 5];
    const { arena, kernel, bytes, padded, rows, centroids, bias } = setUp(variant, n, 24, k);
    const all = [arena.i32(n), arena.f32(n), arena.i32(n), arena.f32(n)] as const;
    const some = [arena.i32(n), arena.f32(n), arena.i32(n), arena.f32(n)] as const;
    const rest = [rows.at, bytes, centroids.at, bias.at, padded];
    kernel.nearest(0, n, 0, ...rest, ...all.map(({ at }) => at));
    const index = arena.i32(n);
    for (let i = 0; i < n; i++) index.values[i] = (i * 7) % n;
    kernel.nearest(13, 31, index.at, ...rest, ...some.map(({ at }) => at));
    for (let i = 13; i < 31; i++)
      for (const [j, block] of some.entries()) expect(block.values[i]).toBe(all[j]!.values[(i * 7) % n]);
  });

  it.each(shapes)("scores $n rows × $k centroids of $dim", ({ n, dim, k }) => {
    const { arena, kernel, width, bytes, padded, rows, centroids, bias } = setUp(variant, n, dim, k);
    const out = arena.f32(n * k + 1);
    out.values[n * k] = 42;
    kernel.scores(0, n, 0, rows.at, bytes, centroids.at, bias.at, padded, out.at, k);
    for (let i = 0; i < n; i++)
      for (let c = 0; c < k; c++)
        near(
          out.values[i * k + c]!,
          bias.values[c]! - referenceDot(rows.values, i * width, centroids.values, c * width, width),
          dim,
        );
    expect(out.values[n * k]).toBe(42);
  });

  it.each(shapes)("adds $n rows of $dim by segments", ({ n, dim }) => {
    const { arena, kernel, width, bytes, rows } = setUp(variant, n, dim, 2);
    const order = arena.i32(n);
    for (let i = 0; i < n; i++) order.values[i] = n - 1 - i;
    const bounds = arena.i32(4);
    bounds.values.set([0, Math.floor(n / 3), Math.floor(n / 3), n]);
    const out = arena.f64(3 * width);
    kernel.addRows(0, 3, rows.at, bytes, order.at, bounds.at, out.at);
    for (let s = 0; s < 3; s++)
      for (let d = 0; d < dim; d++) {
        let sum = 0;
        for (let i = bounds.values[s]!; i < bounds.values[s + 1]!; i++) sum += rows.values[order.values[i]! * width + d]!;
        near(out.values[s * width + d]!, sum, n);
      }
  });

  it("keeps what is nearer, and its sum, chunk by chunk", () => {
    const [n, dim, k, chunk] = [70, 20, 4, 32];
    const { arena, kernel, width, bytes, rows, centroids, squares } = setUp(variant, n, dim, k);
    const rowSquares = arena.f32(n);
    kernel.prepare(0, n, rows.at, bytes, rowSquares.at, 0);
    const current = arena.f32(n);
    for (let i = 0; i < n; i++) current.values[i] = i % 3 === 0 ? 0.5 : 3.4e38;
    const out = arena.f32(k * 72);
    const sums = arena.f64(3 * k);
    for (let from = 0; from < n; from += chunk)
      kernel.closer(
        from,
        Math.min(n, from + chunk),
        0,
        rows.at,
        bytes,
        rowSquares.at,
        centroids.at,
        squares.at,
        k,
        current.at,
        out.at,
        72,
        sums.at,
        chunk,
      );
    for (let c = 0; c < k; c++)
      for (let part = 0; part < 3; part++) {
        let sum = 0;
        for (let i = part * chunk; i < Math.min(n, (part + 1) * chunk); i++) {
          const square = Math.min(
            current.values[i]!,
            referenceSquare(rows.values, i * width, centroids.values, c * width, width),
          );
          near(out.values[c * 72 + i]!, square, 100);
          sum += out.values[c * 72 + i]!;
        }
        expect(sums.values[part * k + c]).toBeCloseTo(sum, 9);
      }
  });

  it("brings rows to length one, and leaves zeros", () => {
    const { arena, kernel, width, bytes, rows } = setUp(variant, 9, 13, 2);
    rows.values.fill(0, 4 * width, 5 * width);
    const squares = arena.f32(9);
    kernel.prepare(0, 9, rows.at, bytes, squares.at, 1);
    for (let i = 0; i < 9; i++) {
      near(referenceDot(rows.values, i * width, rows.values, i * width, width), i === 4 ? 0 : 1, 1);
      near(squares.values[i]!, i === 4 ? 0 : 1, 1);
    }
  });

  it("finds the cheapest columns under prices", () => {
    const { arena, kernel } = setUp(variant, 1, 1, 1);
    const [rows, cells] = [40, 9];
    const rng = seededRng(5);
    const matrix = arena.f32(rows * cells);
    const prices = arena.f32(cells);
    for (let i = 0; i < matrix.values.length; i++) matrix.values[i] = Math.round(rng() * 20);
    for (let c = 0; c < cells; c++) prices.values[c] = Math.round(rng() * 5);
    const [label, best, other, second] = [arena.i32(rows), arena.f32(rows), arena.i32(rows), arena.f32(rows)];
    kernel.cheapest(0, rows, 0, matrix.at, cells, prices.at, cells, label.at, best.at, other.at, second.at);
    for (let i = 0; i < rows; i++) {
      const costs = Array.from({ length: cells }, (_, c) => matrix.values[i * cells + c]! + prices.values[c]!);
      const [first, next] = Array.from(costs.keys()).sort((a, b) => costs[a]! - costs[b]! || a - b);
      expect([label.values[i], best.values[i], second.values[i]]).toEqual([first, costs[first!], costs[next!]]);
      expect(costs[other.values[i]!]).toBe(costs[next!]);
    }
  });
});

describe("which kernel", () => {
  it("is the fused one where the engine has it", () => {
    expect(loadKernel().variant).toBe("relaxed");
  });
});

it("says in words that addresses for its memory cannot be had", () => {
  const { Memory } = engine;
  engine.Memory = function none() {
    throw new RangeError("could not allocate memory");
  } as unknown as typeof Memory;
  try {
    expect(() => new Arena()).toThrow(expect.objectContaining({ code: "out-of-memory", exitCode: 2 }));
  } finally {
    engine.Memory = Memory;
  }
});
