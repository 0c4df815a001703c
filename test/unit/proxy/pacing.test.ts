import { describe, expect, test } from "vitest";
import { pieceBytes, reserve } from "../../../src/proxy/bucket.ts";
import { HeldPieces } from "../../../src/proxy/held.ts";
import { connectStallMs, lossStallMs } from "../../../src/proxy/loss.ts";
import { activate, planFor } from "../../../src/proxy/plan.ts";
import type { Impairment } from "../../../src/proxy/contract.ts";
import { seededRng, type Rng } from "../../../src/runtime.ts";

/** An rng that says these numbers, in turn. */
function saying(...numbers: number[]): Rng {
  return () => {
    const next = numbers.shift();
    if (next === undefined) throw new Error("asked for more numbers than there are");
    return next;
  };
}

describe("a line of 1,000 bytes a second", () => {
  test.each([
    // [bytes, asked at µs, through at µs], one after the other over the same line
    [500, 0, 500_000],
    [500, 0, 1_000_000],
    [100, 900_000, 1_100_000],
    // Idle time is not saved up.
    [1_000, 10_000_000, 11_000_000],
  ])("%d bytes at %d µs are through at %d µs", (bytes, nowUs, throughUs) => {
    expect(reserve(line, bytes, nowUs)).toBe(throughUs);
  });
  const line = { bytesPerSec: 1_000, freeAtUs: 0 };
});

test.each([
  [100, 256],
  [51_200, 1_024],
  [1_048_576, 20_972],
  [1e9, 65_536],
])("at %d bytes a second, pieces of %d bytes", (rate, bytes) => {
  expect(pieceBytes(rate)).toBe(bytes);
});

describe("loss", () => {
  test.each([
    { name: "nothing lost", rng: saying(0.05), stallMs: 0 },
    { name: "lost once", rng: saying(0.04, 0.5), stallMs: 200 },
    { name: "its retransmissions too: the wait doubles", rng: saying(0, 0, 0, 0.5), stallMs: 1_400 },
  ])("$name", ({ rng, stallMs }) => {
    expect(lossStallMs(0.05, rng)).toBe(stallMs);
  });
  test("all of it: an end is made of it", () => {
    expect(lossStallMs(1, () => 0)).toBe(200 * 127);
  });
  test("of the first packet of a connection: a second", () => {
    expect(connectStallMs(0.05, saying(0, 0.5))).toBe(1_000);
  });
  test("the share of stalls is the share of losses", () => {
    const rng = seededRng(7);
    const stalled = Array.from({ length: 20_000 }, () => lossStallMs(0.05, rng)).filter((ms) => ms > 0);
    expect(Math.abs(stalled.length / 20_000 - 0.05)).toBeLessThan(0.005);
  });
});

describe("held pieces", () => {
  const bytes = (text: string, dueUs: number) => ({ kind: "bytes" as const, bytes: Buffer.from(text), arrivedUs: 1, dueUs });
  const texts = (held: HeldPieces) => {
    const all: string[] = [];
    for (let piece = held.take(); piece; piece = held.take())
      all.push(piece.kind === "bytes" ? `${piece.bytes.toString()}@${piece.dueUs}` : piece.kind);
    return all;
  };

  test("never overtake each other", () => {
    const held = new HeldPieces();
    for (const [text, dueUs] of [
      ["a", 100],
      ["b", 50],
      ["c", 200],
    ] as const)
      held.add(bytes(text, dueUs));
    expect(texts(held)).toEqual(["a@100", "b@100", "c@200"]);
  });
  test("are counted", () => {
    const held = new HeldPieces();
    held.add(bytes("four", 1));
    held.add({ kind: "end", arrivedUs: 1, dueUs: 1 });
    expect([held.bytes, held.empty]).toEqual([4, false]);
    held.discard();
    expect([held.bytes, held.empty]).toEqual([0, true]);
  });
  test("released, they are due at once, and later ones are not held behind them", () => {
    const held = new HeldPieces();
    held.add(bytes("a", 9_000_000));
    held.release();
    held.add(bytes("b", 5));
    expect(texts(held)).toEqual(["a@0", "b@5"]);
  });
});

describe("what holds for a connection", () => {
  const plan = (impairments: Omit<Impairment, "id">[], way: "to-node" | "from-node", address = "127.0.0.1") =>
    planFor(
      impairments.map((each, index) => activate({ ...each, id: `i${index}` })),
      way,
      address,
      () => 0.5,
    );

  test.each([
    { direction: "both", ways: [true, true] },
    { direction: "to-node", ways: [true, false] },
    { direction: "from-node", ways: [false, true] },
  ] as const)("a partition of direction $direction", ({ direction, ways }) => {
    const dropped = (["to-node", "from-node"] as const).map(
      (way) => plan([{ kind: "partition", direction }], way)?.drop ?? false,
    );
    expect(dropped).toEqual(ways);
  });
  test("only those of that client", () => {
    const impairments: Omit<Impairment, "id">[] = [{ kind: "partition", direction: "both", from: "127.0.0.2" }];
    expect(plan(impairments, "to-node")).toBeUndefined();
    expect(plan(impairments, "to-node", "127.0.0.2")?.drop).toBe(true);
  });
  test("a slow line and a distance add up", () => {
    const both = plan(
      [
        { kind: "latency", direction: "both", delayMs: 100 },
        { kind: "bandwidth", direction: "both", bytesPerSec: 1_000 },
      ],
      "from-node",
    )!;
    expect([both.dueUs(500, 0), both.dueUs(500, 0)]).toEqual([600_000, 1_100_000]);
    expect(both.pieceBytes).toBe(256);
  });
});
