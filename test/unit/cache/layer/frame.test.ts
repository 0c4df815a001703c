import { describe, expect, test } from "vitest";
import { refreshesEarly } from "../../../../src/cache/layer/early.ts";
import { frame, unframe, type Codec } from "../../../../src/cache/layer/frame.ts";
import { jittered } from "../../../../src/cache/settings.ts";
import { seededRng } from "../../../../src/runtime.ts";

const text = Buffer.from("the same words again and again. ".repeat(100));
const times = { computeUs: 2_500_000, expiresAtMs: 1_700_000_000_123 };

describe("a frame", () => {
  test.each<[Codec, boolean]>([
    ["off", false],
    ["gzip", true],
    ["zstd", true],
  ])("%s gives back what was put in", (codec, smaller) => {
    const bytes = frame({ value: text, ...times }, codec);
    expect(bytes.length < text.length / 4).toBe(smaller);
    expect(unframe(bytes)).toEqual({ kind: "framed", value: text, ...times });
  });

  test("leaves alone what compression would make larger", () => {
    const random = seededRng(5);
    const noise = Buffer.from(Uint8Array.from({ length: 4000 }, () => Math.floor(random() * 256)));
    const bytes = frame({ value: noise, ...times }, "zstd");
    expect(bytes.length).toBe(noise.length + 24);
    expect(unframe(bytes)).toMatchObject({ kind: "framed", value: noise });
  });

  test("tells nothing from an empty value", () => {
    expect(unframe(frame({ value: undefined, ...times }, "zstd"))).toMatchObject({ kind: "framed", value: undefined });
    expect(unframe(frame({ value: Buffer.alloc(0), ...times }, "zstd"))).toMatchObject({ value: Buffer.alloc(0) });
  });

  test.each(["", "{}", '{"documents":[]}', "\u0089RC"])("somebody else's value is taken as it is: %j", (value) => {
    expect(unframe(Buffer.from(value))).toEqual({ kind: "foreign", value: Buffer.from(value) });
  });

  test("of which any byte but those of its times was changed is poisoned, and never a wrong value", () => {
    const good = frame({ value: text, ...times }, "zstd");
    for (let at = 0; at < good.length; at++) {
      const bad = Buffer.from(good);
      bad[at]! ^= 0x10;
      const said = unframe(bad);
      if (at < 4) expect(said.kind).toBe("foreign");
      else if (at === 4 || at >= 20) expect(said.kind, `byte ${at}`).toBe("poisoned");
      else if (said.kind === "framed") expect(said.value, `byte ${at}`).toEqual(text);
    }
    expect(unframe(good.subarray(0, 10))).toMatchObject({ kind: "poisoned", why: "it is cut off within its header" });
    expect(unframe(good.subarray(0, 40)).kind).toBe("poisoned");
  });
});

describe("early refresh", () => {
  test.each([
    // now, end, took, beta, random → refreshes
    [0, 10_000, 100, 1, 0.5, false],
    [9_900, 10_000, 100, 1, 0.5, false],
    [9_900, 10_000, 100, 1, 0.7, true],
    [9_900, 10_000, 100, 3, 0.5, true],
    [9_900, 10_000, 100, 0, 0.999_999, false],
    [10_000, 10_000, 0, 1, 0, true],
    [10_000, 0, 100, 1, 0.999, false],
  ])("at %d of %d ms, %d ms to compute, beta %d, random %d: %s", (nowMs, expiresAtMs, computeMs, beta, random, expected) => {
    expect(refreshesEarly({ nowMs, expiresAtMs, computeMs }, beta, random)).toBe(expected);
  });

  test("seed 7: the share of readers that refresh at t before the end is exp(−t / (beta × computing time))", () => {
    const random = seededRng(7);
    for (const beforeMs of [50, 100, 200, 400]) {
      const runs = 20_000;
      let refreshed = 0;
      for (let run = 0; run < runs; run++)
        if (refreshesEarly({ nowMs: 10_000 - beforeMs, expiresAtMs: 10_000, computeMs: 100 }, 1, random())) refreshed++;
      expect(refreshed / runs).toBeCloseTo(Math.exp(-beforeMs / 100), 1.5);
    }
  });
});

test("a TTL is shortened by its jitter at most", () => {
  expect([0, 0.5, 0.999_999].map((random) => jittered(1000, 0.1, random))).toEqual([1000, 950, 900]);
  expect(jittered(1, 1, 0.9)).toBe(1);
});
