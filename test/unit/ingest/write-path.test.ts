import { describe, expect, it } from "vitest";
import { ExitCode, RagctlError } from "../../../src/errors.ts";
import { collectionDifferences, requireFit } from "../../../src/stores/collection-fit.ts";
import { safeWriter } from "../../../src/ingest/steps/safe-writer.ts";
import type { WriteRecord, WriteResult } from "../../../src/cluster/contract.ts";
import { SimClock } from "../../helpers/sim-clock.ts";
import { tempDir } from "../../helpers/temp-dir.ts";
import { fakeCluster } from "./fake-cluster.ts";
import { ingest, jsonl } from "./set-up.ts";

describe("records that bring their vectors", () => {
  const rows = Array.from({ length: 600 }, (_, id) => ({ id, vector: [id + 1, 1, 0.5], tag: id % 3 }));

  it("make the collection of their size, keep their ids as keys, and need no text and no embedder", async () => {
    const cluster = fakeCluster();
    const cwd = tempDir({ "a.jsonl": jsonl(...rows) });
    const reader = { vectorField: "vector" };
    const { result } = await ingest({ cluster, cwd, paths: ["a.jsonl"], reader });
    expect(result).toMatchObject({
      documents: { read: 600, ok: 600, dead: 0 },
      embedder: { name: "vectors of the input", dim: 3 },
    });
    expect(cluster.collections.get("docs")!.spec).toMatchObject({ size: 3, distance: "Cosine" });
    expect(cluster.points("docs").get("7")).toMatchObject({ vector: Float32Array.from([8, 1, 0.5]), payload: { tag: 1 } });
    const again = await ingest({ cluster, cwd, paths: ["a.jsonl"], reader });
    expect(again.result.chunks).toEqual({ written: 0, unchanged: 600, deleted: 0 });
  });

  it("of another size, or without one, are dead with the reason, and the others go on", async () => {
    const cluster = fakeCluster();
    const cwd = tempDir({
      "a.jsonl": jsonl(...rows.slice(0, 3), { id: "short", vector: [1, 2] }, { id: "none", text: "words" }),
    });
    const { result, dead } = await ingest({ cluster, cwd, paths: ["a.jsonl"], reader: { vectorField: "vector" } });
    expect(result.documents).toMatchObject({ ok: 3, dead: 2 });
    expect(dead.map(({ id, reason }) => [id, reason])).toEqual([
      ["short", "its vector has 2 dimensions; the collection takes 3"],
      ["none", expect.stringContaining("makes 384 dimensions where the collection takes 3")],
    ]);
  });
});

it("--force writes every chunk again, and still deletes what vanished", async () => {
  const cluster = fakeCluster();
  const text = (n: number) => Array.from({ length: n }, (_, at) => `word${at} `.repeat(9).trim()).join("\n\n");
  const options = { cluster, paths: ["a.jsonl"], chunk: { size: 100, overlap: 0 } };
  await ingest({ ...options, cwd: tempDir({ "a.jsonl": jsonl({ id: "a", text: text(4) }, { id: "b", text: text(2) }) }) });
  const { result } = await ingest({
    ...options,
    cwd: tempDir({ "a.jsonl": jsonl({ id: "a", text: text(3) }, { id: "b", text: text(2) }) }),
    force: true,
  });
  expect(result.chunks).toEqual({ written: 5, unchanged: 0, deleted: 1 });
});

describe("what the cluster says of a write's size", () => {
  /** A writer whose cluster takes so many records a write. */
  function setUp(answer: (records: readonly WriteRecord[]) => { status?: number; throws?: string } | undefined) {
    const clock = new SimClock(0);
    const sizes: number[] = [];
    const send = async (_: string, records: readonly (WriteRecord | string)[]): Promise<WriteResult> => {
      sizes.push(records.length);
      const no = answer(records as WriteRecord[]);
      if (no?.throws) throw new RagctlError("too much", { code: no.throws, exitCode: ExitCode.usage });
      const keys = records.map((record) => (typeof record === "string" ? record : record.key));
      if (!no) return { acknowledged: keys, failed: [], version: 1, markedStale: [] };
      return {
        acknowledged: [],
        failed: keys.map((key) => ({ key, reason: "no", status: no.status! })),
        version: 1,
        markedStale: [],
      };
    };
    const never = new AbortController().signal;
    const client = { upsert: send, delete: send };
    const writer = safeWriter({ client, collection: "docs", clock, requestTimeoutMs: 1000, signal: never, hardSignal: never });
    return { writer, sizes, clock };
  }
  const records = (n: number): WriteRecord[] => Array.from({ length: n }, (_, at) => ({ key: `k${at}`, vector: [1] }));

  it.each([{ status: 413 }, { throws: "batch-too-large" }])(
    "%j: its halves go at once, and no write is as large again",
    async (no) => {
      const { writer, sizes, clock } = setUp((some) => (some.length > 100 ? no : undefined));
      expect(await writer.upsert(records(600))).toEqual(new Map());
      expect(sizes.slice(0, 3)).toEqual([256, 128, 64]);
      expect(Math.max(...sizes.slice(3))).toBeLessThanOrEqual(128);
      expect(await writer.upsert(records(600))).toEqual(new Map());
      expect([writer.batch.smallest, clock.nowMs()]).toEqual([64, 0]);
    },
  );

  it("a record that is too large alone fails alone", async () => {
    const { writer } = setUp((some) => (some.some(({ key }) => key === "k70") ? { status: 413 } : undefined));
    expect(await writer.upsert(records(100))).toEqual(new Map([["k70", "no"]]));
  });

  it("429: the next are half as large, and what was refused is tried again later", async () => {
    let refusals = 1;
    const { writer, sizes, clock } = setUp(() => (refusals-- > 0 ? { status: 429 } : undefined));
    const writing = writer.upsert(records(600));
    await clock.advance(5000);
    expect(await writing).toEqual(new Map());
    expect(sizes).toEqual([256, 256, 128, 128, 88]);
  });
});

describe("a collection that is there", () => {
  const there = {
    size: 3,
    distance: "Cosine" as const,
    hnsw: { m: 16, efConstruct: 128 },
    payloadIndexTypes: { year: "integer" },
  };

  it.each([
    [{ size: 3, distance: "Cosine" as const }, []],
    [{ size: 3, distance: "Cosine" as const, hnsw: { m: 16 }, payloadIndexes: [{ field: "new", type: "keyword" as const }] }, []],
    [{ size: 4, distance: "Dot" as const }, ["size 3 4", "distance Cosine Dot"]],
    [
      {
        size: 3,
        distance: "Cosine" as const,
        hnsw: { m: 32, efConstruct: 64 },
        quantization: "scalar" as const,
        payloadIndexes: [{ field: "year", type: "keyword" as const }],
      },
      ["hnsw m 16 32", "hnsw ef_construct 128 64", "quantization none scalar", "index year integer keyword"],
    ],
  ])("and %j differ in %j", (wanted, differences) => {
    expect(collectionDifferences(there, wanted).map((each) => `${each.what} ${each.there} ${each.wanted}`)).toEqual(differences);
  });

  it("is refused with every difference at once", () => {
    expect(() => requireFit("docs", "on node n1", there, { size: 4, distance: "Dot" })).toThrow(
      "Collection docs is not what was asked for on node n1: size is 3, 4 was asked for; distance is Cosine, Dot was asked for.",
    );
  });
});
