import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { stableJson } from "../../../src/ingest/chunk-document.ts";
import { openDeadLetters } from "../../../src/ingest/dead-letters.ts";
import { BoundedQueue } from "../../../src/ingest/pipeline/queue.ts";
import { bottleneck, runStage, stageMeter } from "../../../src/ingest/pipeline/stage.ts";
import { SeenIds } from "../../../src/ingest/seen-ids.ts";
import { portions } from "../../../src/ingest/steps/safe-writer.ts";
import { SimClock } from "../../helpers/sim-clock.ts";
import { collect } from "./set-up.ts";
import { tempDir } from "../../helpers/temp-dir.ts";

it("stable JSON sorts names at every level and keeps lists", () => {
  expect(stableJson({ b: [{ d: 1, c: 2 }], a: null })).toBe('{"a":null,"b":[{"c":2,"d":1}]}');
});

it("seen ids are known again after any number of others", () => {
  const seen = new SeenIds();
  const ids = Array.from({ length: 20_000 }, (_, at) => `id-${at}`);
  expect(ids.every((id) => seen.add(id))).toBe(true);
  expect(ids.some((id) => seen.add(id))).toBe(false);
});

it("portions hold 256 records or 4 MiB, and one that is larger alone", () => {
  const sizes = (items: number[]) => [...portions(items, (bytes) => bytes)].map((portion) => portion.length);
  expect(sizes(Array.from({ length: 600 }, () => 1))).toEqual([256, 256, 88]);
  expect(sizes([3e6, 3e6, 9e6, 1])).toEqual([1, 1, 1, 1]);
  expect(sizes([])).toEqual([]);
});

describe("a bounded queue", () => {
  it("makes the pusher wait when it is full, and keeps the order", async () => {
    const queue = new BoundedQueue<number>(2);
    const pushed: number[] = [];
    const pusher = (async () => {
      for (let at = 0; at < 5; at++) {
        await queue.push(at);
        pushed.push(at);
      }
      queue.close();
    })();
    await new Promise((resolve) => setImmediate(resolve));
    expect(pushed).toEqual([0, 1]);
    // Pushed when it was empty, half full, and full.
    expect(queue.meanFill).toBe(0.5);
    expect(await collect(queue)).toEqual([0, 1, 2, 3, 4]);
    await pusher;
    expect([queue.peak, queue.length]).toEqual([2, 0]);
  });

  it("fails both sides", async () => {
    const queue = new BoundedQueue<number>(1);
    await queue.push(1);
    const waiting = queue.push(2);
    queue.fail(new Error("broken"));
    await expect(waiting).rejects.toThrow("broken");
    await expect(queue.next()).rejects.toThrow("broken");
    await expect(queue.push(3)).rejects.toThrow("broken");
  });
});

it("a stage works with all its workers, times them, and closes its output", async () => {
  const clock = new SimClock(0);
  const input = new BoundedQueue<number>(10);
  const output = new BoundedQueue<number>(1);
  for (const item of [100, 100, 100, 100]) await input.push(item);
  input.close();
  const meter = stageMeter("work", 2, input);
  const stage = runStage({
    meter,
    input,
    output,
    clock,
    work: async (ms) => {
      await clock.sleep(ms);
      return [ms];
    },
    flush: async () => [-1],
  });
  const got = collect(output);
  await clock.advance(199);
  await clock.advance(1);
  await stage;
  expect(await got).toEqual([100, 100, 100, 100, -1]);
  expect([meter.done, meter.busyUs, clock.nowMs()]).toEqual([4, 400_000, 200]);
});

it("the bottleneck is the last stage whose queue is mostly full, else the first", () => {
  const at = (name: string, meanFill: number) => stageMeter(name, 1, { capacity: 4, length: 0, peak: 4, meanFill });
  const read = stageMeter("read", 1);
  expect(bottleneck([read, at("a", 0.9), at("b", 0.7), at("c", 0.1)])?.name).toBe("b");
  expect(bottleneck([read, at("a", 0.2)])?.name).toBe("read");
});

describe("dead letters", () => {
  it("are lines of JSON in a file that exists only where there are any", async () => {
    const file = join(tempDir(), "dead.jsonl");
    const letters = await openDeadLetters(file);
    expect(existsSync(file)).toBe(false);
    letters.write({ kind: "dead", origin: { source: "a", line: 3 }, stage: "read", reason: "why", record: "{" });
    letters.close();
    expect(readFileSync(file, "utf8")).toBe(
      '{"schemaVersion":1,"reason":"why","stage":"read","source":"a","line":3,"record":"{"}\n',
    );
  });

  it("never overwrite a file, and say where they cannot be written", async () => {
    const dir = tempDir({ "docs.jsonl": "precious" });
    await expect(openDeadLetters(join(dir, "docs.jsonl"))).rejects.toMatchObject({ exitCode: 2 });
    const letters = await openDeadLetters(join(dir, "no/such/folder"));
    expect(() => letters.write({ kind: "dead", origin: { source: "a" }, stage: "read", reason: "x" })).toThrow(
      "cannot be written",
    );
  });
});
