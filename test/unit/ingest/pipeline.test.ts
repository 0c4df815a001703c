import { describe, expect, it } from "vitest";
import { BoundedQueue } from "../../../src/ingest/pipeline/queue.ts";
import { runStage, stageMeter } from "../../../src/ingest/pipeline/stage.ts";
import { bottleneckOf, etaMs, RecentWindow } from "../../../src/ingest/pipeline/window.ts";
import { gather, type EmbeddedBatch } from "../../../src/ingest/steps/batch.ts";
import { nextPortion } from "../../../src/ingest/steps/safe-writer.ts";
import { SimClock } from "../../helpers/sim-clock.ts";
import { collect } from "./set-up.ts";

describe("a bounded queue", () => {
  it("makes the pusher wait when it is full, keeps the order, and knows how full it was", async () => {
    const clock = new SimClock(0);
    const queue = new BoundedQueue<number>(2, clock);
    const pushed: number[] = [];
    const pusher = (async () => {
      for (let at = 0; at < 5; at++) {
        await queue.push(at);
        pushed.push(at);
      }
      queue.close();
    })();
    await clock.advance(1000);
    expect(pushed).toEqual([0, 1]);
    expect(queue.level.integralUs).toBe(2_000_000);
    expect(await collect(queue)).toEqual([0, 1, 2, 3, 4]);
    await pusher;
    await clock.advance(1000);
    expect([queue.peak, queue.length, queue.level.integralUs]).toEqual([2, 0, 2_000_000]);
  });

  it("fails both sides", async () => {
    const queue = new BoundedQueue<number>(1, new SimClock(0));
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
  const input = new BoundedQueue<number>(10, clock);
  const output = new BoundedQueue<number>(1, clock);
  for (const item of [100, 100, 100, 100]) await input.push(item);
  input.close();
  const meter = stageMeter("work", 2, clock, input);
  const stage = runStage({
    meter,
    input,
    output,
    work: async (ms) => {
      await clock.sleep(ms);
      return [ms];
    },
    flush: async () => [-1],
  });
  const got = collect(output);
  await clock.advance(150);
  // Work that has not ended counts, too.
  expect(meter.busy.integralUs).toBe(300_000);
  await clock.advance(50);
  await stage;
  expect(await got).toEqual([100, 100, 100, 100, -1]);
  expect([meter.done, meter.busy.integralUs, clock.nowMs()]).toEqual([4, 400_000, 200]);
});

describe("the bottleneck", () => {
  const at = (name: string, fill?: number) => ({ name, busy: 0, blocked: 0, fill });

  it("is the last stage whose queue is mostly full, else the first", () => {
    expect(bottleneckOf([at("read"), at("a", 0.9), at("b", 0.7), at("c", 0.1)])).toBe("b");
    expect(bottleneckOf([at("read"), at("a", 0.2)])).toBe("read");
  });

  it("is told of the last seconds, not of the mean of the run", async () => {
    const clock = new SimClock(0);
    const queues = { embed: new BoundedQueue<number>(1, clock), write: new BoundedQueue<number>(1, clock) };
    const meters = [
      stageMeter("read", 1, clock),
      stageMeter("embed", 1, clock, queues.embed),
      stageMeter("write", 1, clock, queues.write),
    ];
    const window = new RecentWindow(meters, 5000);
    const counters = { bytes: 0, chunks: 0 };
    const pass = async (ms: number) => {
      for (let gone = 0; gone < ms; gone += 500) {
        window.observe(clock.monotonicUs(), counters);
        await clock.advance(500);
        counters.chunks += 50;
      }
    };
    // A minute in which embedding held it up, then writing.
    await queues.embed.push(1);
    await pass(60_000);
    expect(bottleneckOf(window.now(clock.monotonicUs(), counters)!.stages)).toBe("embed");
    queues.embed.takeNow();
    await queues.write.push(1);
    await pass(2000);
    expect(bottleneckOf(window.now(clock.monotonicUs(), counters)!.stages)).toBe("embed");
    await pass(2000);
    const now = window.now(clock.monotonicUs(), counters)!;
    expect([bottleneckOf(now.stages), now.chunksPerSec]).toEqual(["write", 100]);
  });
});

it.each([
  [{ doneBytes: 50, totalBytes: 100, bytesPerSec: 10 }, 5000],
  [{ doneBytes: 100, totalBytes: 100, bytesPerSec: 10 }, undefined],
  [{ doneBytes: 50, totalBytes: 100, bytesPerSec: 0 }, undefined],
  [{ doneBytes: 50, totalBytes: 0, bytesPerSec: 10 }, undefined],
])("what is left of %j takes %s ms", (input, left) => {
  expect(etaMs(input)).toBe(left);
});

it("portions hold so many records or bytes, and one that is larger alone", () => {
  const sizes = (items: number[], most: { records: number; bytes: number }) => {
    const found: number[] = [];
    for (let from = 0; from < items.length; from += found.at(-1)!)
      found.push(nextPortion(items, from, most, (bytes) => bytes).length);
    return found;
  };
  expect(
    sizes(
      Array.from({ length: 600 }, () => 1),
      { records: 256, bytes: 1e6 },
    ),
  ).toEqual([256, 256, 88]);
  expect(sizes([3, 3, 9, 1], { records: 10, bytes: 5 })).toEqual([1, 1, 1, 1]);
  expect(sizes([3, 2, 9], { records: 10, bytes: 5 })).toEqual([2, 1]);
  expect(sizes([], { records: 10, bytes: 5 })).toEqual([]);
});

it("a write takes what waits behind it, until it is large enough", async () => {
  const clock = new SimClock(0);
  const queue = new BoundedQueue<EmbeddedBatch>(8, clock);
  const batch = (name: string, vectors: number): EmbeddedBatch => ({
    documents: [],
    vectors: new Map(Array.from({ length: vectors }, (_, at) => [`${name}${at}`, new Float32Array(1)])),
  });
  for (const name of ["b", "c", "d"]) await queue.push(batch(name, 10));
  expect(gather(batch("a", 10), queue, 25).vectors.size).toBe(30);
  expect([queue.length, gather(batch("e", 50), queue, 25).vectors.size, queue.length]).toEqual([1, 50, 1]);
  expect(gather(batch("e", 1), queue, 1000).vectors.size).toBe(11);
});
