import { appendFileSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { parseEvent, tailEvents } from "../../../src/load/events/tail.ts";
import { logOffsets } from "../../../src/load/feeds/replay-log.ts";
import { checkGenerator, explainCheck } from "../../../src/load/generator-check.ts";
import { runKey, runTag } from "../../../src/load/mixed/run-key.ts";
import { prepareAhead } from "../../../src/load/operations/ahead.ts";
import { answerTimings, serverTimings } from "../../../src/load/operations/stage-timings.ts";
import { readProfile, shippedProfiles } from "../../../src/load/profile/read.ts";
import { overridden } from "../../../src/load/profile/scale.ts";
import { profileSchema } from "../../../src/load/profile/schema.ts";
import type { LoadResult } from "../../../src/load/result.ts";

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "ragctl-profile-"));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

describe("profiles", () => {
  test.each(shippedProfiles())("%s is valid, by name and as documentation names it", async (name) => {
    const { profile } = await readProfile(dir, name);
    expect(Object.keys(profile.scenarios).length).toBeGreaterThan(0);
    expect((await readProfile(dir, `profiles/load/${name}.yaml`)).profile).toEqual(profile);
  });

  test("YAML, JSON and a TypeScript module say the same", async () => {
    const content = { scenarios: { a: { executor: "constant-vus", vus: 3, duration: "4s", operation: { kind: "search" } } } };
    writeFileSync(join(dir, "p.json"), JSON.stringify(content));
    writeFileSync(
      join(dir, "p.yaml"),
      "scenarios: {a: {executor: constant-vus, vus: 3, duration: 4s, operation: {kind: search}}}",
    );
    writeFileSync(join(dir, "p.ts"), `const profile: object = ${JSON.stringify(content)};\nexport default profile;\n`);
    const [json, yaml, module] = await Promise.all(["p.json", "p.yaml", "p.ts"].map((file) => readProfile(dir, file)));
    expect(yaml!.profile).toEqual(json!.profile);
    expect(module!.profile).toEqual(json!.profile);
    expect(json!.profile.scenarios["a"]).toMatchObject({ vus: 3, duration: 4000, startTime: 0, feed: { from: "points" } });
  });

  test("flags keep the proportions of rates, users and times", () => {
    const search = { kind: "search" };
    const profile = profileSchema.parse({
      scenarios: {
        a: { executor: "constant-arrival-rate", rate: "30/s", duration: "10s", operation: search },
        b: {
          executor: "ramping-arrival-rate",
          startRate: "5/s",
          stages: [{ duration: "5s", target: "10/s" }],
          startTime: "5s",
          operation: search,
        },
        c: { executor: "constant-vus", vus: 20, duration: "20s", operation: { kind: "upsert" } },
      },
    });
    const { a, b, c } = overridden(profile, {
      ratePerSec: 80,
      durationMs: 5000,
      vus: 5,
      collection: "x",
      k: 3,
      timeoutMs: 1,
    }).scenarios;
    expect(a).toMatchObject({ rate: 60, duration: 2500, operation: { collection: "x", k: 3 }, timeout: 1 });
    expect(b).toMatchObject({ startRate: 10, stages: [{ duration: 1250, target: 20 }], startTime: 1250 });
    expect(c).toMatchObject({ vus: 5, duration: 5000, operation: { collection: "x" } });
    expect(c!.operation).not.toHaveProperty("k");
    expect(overridden(profile, {})).toEqual(profile);
  });

  test.each([
    ["stages that take no time", { executor: "ramping-vus", stages: [{ duration: "0s", target: 3 }] }, "take some time"],
    ["stages that reach nothing", { executor: "ramping-arrival-rate", stages: [{ duration: "1s", target: 0 }] }, "above zero"],
    ["a rate of zero", { executor: "poisson", rate: 0, duration: "1s" }, "rate"],
    ["a negative duration", { executor: "poisson", rate: 1, duration: "-1s" }, "duration"],
  ])("%s", async (_, scenario, message) => {
    writeFileSync(join(dir, "p.json"), JSON.stringify({ scenarios: { a: { ...scenario, operation: { kind: "search" } } } }));
    await expect(readProfile(dir, "p.json")).rejects.toThrow(message);
  });
});

describe("a query log", () => {
  const offsets = (text: string, speed = 1) => [...new Float64Array(logOffsets(text, "log", speed))];
  test.each([
    ["ISO 8601", '{"at":"2026-01-01T00:00:00Z"}\n{"at":"2026-01-01T00:00:00.250Z"}'],
    ["seconds", '{"ts":1767225600}\n\n{"ts":1767225600.25}'],
    ["milliseconds", '{"time":1767225600000}\n{"time":1767225600250}'],
    ["microseconds", '{"timestamp":1767225600000000}\n{"timestamp":1767225600250000}'],
  ])("%s", (_, text) => {
    expect(offsets(text).map(Math.round)).toEqual([0, 250_000]);
    expect(offsets(text, 2).map(Math.round)).toEqual([0, 125_000]);
  });

  test("every mistake with its line", () => {
    const text = '{"at":"2026-01-02T00:00:00Z"}\nnonsense\n{"text":"x"}\n{"at":"soon"}\n{"at":"2026-01-01T00:00:00Z"}';
    expect(() => offsets(text)).toThrow(/log:2: is not JSON\n.*log:3: has no time.*\n.*log:4: .*got "soon"\n.*log:5: is earlier/);
    expect(() => offsets("\n")).toThrow("holds no entries");
  });
});

describe("stage timings", () => {
  test.each([
    ['embed;dur=12.5, search;desc="vector, fast";dur=4', [["embed", 12_500]]],
    [
      "a;dur=1,b;dur=2;desc=x",
      [
        ["a", 1000],
        ["b", 2000],
      ],
    ],
    ["miss, cache;desc=hit", []],
    ["", []],
  ] as [string, [string, number][]][])("Server-Timing: %s", (header, expected) => {
    const found = serverTimings(header).map(({ name, us }) => [name, us]);
    expect(found).toEqual(expect.arrayContaining(expected));
    if (expected.length === 0) expect(found).toEqual([]);
  });

  test.each([
    [
      { timings: { embed: 2, search_us: 300, generate_s: 1.5, rerankMs: 4 } },
      [
        ["embed", 2000],
        ["search", 300],
        ["generate", 1.5e6],
        ["rerank", 4000],
      ],
    ],
    [
      { stages: [{ name: "embed", ms: 2 }, { stage: "llm", seconds: 3 }, { name: "odd" }] },
      [
        ["embed", 2000],
        ["llm", 3e6],
      ],
    ],
    [
      { timings: { statuss: 3, items: 5 } },
      [
        ["statuss", 3000],
        ["items", 5000],
      ],
    ],
    [{ answer: "x" }, []],
    ["text", []],
    [null, []],
  ] as [unknown, [string, number][]][])("of an answer: %j", (body, expected) => {
    expect(answerTimings(body).map(({ name, us }) => [name, us])).toEqual(expected);
  });
});

test("keys of a run's own points are UUIDs, all different, and begin with its tag", () => {
  const tag = runTag(0xabcd1234);
  expect(tag).toBe("f00d1234");
  const keys = [0, 1, 15, 16, 4_000_000_000, 2 ** 50].map((n) => runKey(tag, n));
  for (const key of keys) expect(key).toMatch(/^f00d1234-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  expect(new Set(keys).size).toBe(keys.length);
});

describe("prepared requests", () => {
  const made = (count: number, itemBytes: number) => {
    let prepared = 0;
    const get = prepareAhead({
      count,
      itemBytes,
      prepare: (item) => (prepared++, item * 10),
      choose: (index) => index % count,
      stride: 2,
    });
    return { get, prepared: () => prepared };
  };
  test("all before the clock starts, where they fit", () => {
    const { get, prepared } = made(5, 1000);
    expect(prepared()).toBe(5);
    expect([0, 7].map(get)).toEqual([0, 20]);
    expect(prepared()).toBe(5);
  });
  test("ahead of need, where they do not: what is asked for later is ready", async () => {
    const { get, prepared } = made(1000, 1 << 20);
    expect(prepared()).toBe(0);
    expect(get(0)).toBe(0);
    await new Promise((resolve) => setImmediate(resolve));
    const before = prepared();
    expect(before).toBeGreaterThan(1);
    expect(get(2)).toBe(20);
    expect(prepared()).toBe(before);
  });
});

test("events: appended lines from the present on, whole ones only, a shorter file from its beginning", () => {
  const file = join(dir, "events.ndjson");
  const line = (name: string) => `${JSON.stringify({ at: 5, kind: "deploy", name, phase: "start" })}\n`;
  writeFileSync(file, line("before"));
  const warnings: string[] = [];
  const poll = tailEvents(file, (text) => warnings.push(text));
  expect(poll()).toEqual([]);
  appendFileSync(file, line("one") + line("two").slice(0, 10));
  expect(poll().map(({ name }) => name)).toEqual(["one"]);
  appendFileSync(file, `${line("two").slice(10)}not an event\n`);
  expect(poll().map(({ name }) => name)).toEqual(["two"]);
  expect(warnings.length).toBe(1);
  writeFileSync(file, line("new"));
  expect(poll().map(({ name }) => name)).toEqual(["new"]);
  expect(tailEvents(join(dir, "nothing"))()).toEqual([]);
  expect(parseEvent('{"at":"2026-01-01T00:00:00Z","kind":"k","name":"n","phase":"end","detail":3}')).toMatchObject({
    at: 1767225600000,
    detail: 3,
  });
  expect(parseEvent('{"at":1,"kind":"k","name":"n","phase":"middle"}')).toBeUndefined();
});

test("the machines that a load needs, by arithmetic", () => {
  const probe = {
    elapsedMs: 2000,
    spec: { warmupMs: 500 },
    counts: { completed: 4000 },
    generator: { workers: [{ cpu: 0.8 }], cores: 4, colocated: false },
  } as unknown as LoadResult;
  // 0.8 of a core over 2.5 s is 2 s for 5,000 operations: 400 µs each. Three cores at 70 %: 5,250/s.
  const check = checkGenerator(probe, 100_000)!;
  expect(check).toEqual({
    cpuPerOperationUs: 400,
    wantedPerSec: 100_000,
    cores: 3,
    usableShare: 0.7,
    perMachinePerSec: 5250,
    machines: 20,
  });
  expect(explainCheck(check)).toContain("20 machines");
  expect(
    checkGenerator({ ...probe, generator: { ...probe.generator, workers: [{ cpu: null }] } } as unknown as LoadResult, 5),
  ).toBeUndefined();
});
