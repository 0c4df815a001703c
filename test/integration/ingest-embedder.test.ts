import { spawn } from "node:child_process";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { createEmbedder } from "../../src/embed/index.ts";
import { realClock } from "../../src/runtime.ts";
import { answer, refuse, startEmbeddingServer, vectorOf } from "../helpers/embedding-server.ts";
import { startRedis } from "../helpers/redis.ts";
import { serviceBinary, skipReason } from "../helpers/service.ts";
import { tempDir } from "../helpers/temp-dir.ts";
import { fakeCluster } from "../unit/ingest/fake-cluster.ts";
import { ingest, jsonl } from "../unit/ingest/set-up.ts";

const dim = 8;
type ServerTrouble = NonNullable<Parameters<typeof startEmbeddingServer>[1]>;
/** What the endpoint does to a call; `isFirst`: this set of texts was not asked for before. */
type Trouble = (
  call: Parameters<ServerTrouble>[0],
  response: Parameters<ServerTrouble>[1],
  isFirst: boolean,
) => ReturnType<ServerTrouble>;

/** Ingests so many short documents through a server that does what `trouble` says; document 5 is the one with POISON in it. */
async function run(trouble?: Trouble, more: { timeout?: number; documents?: number; memoDir?: string } = {}) {
  const met = new Set<string>();
  const server = await startEmbeddingServer(
    dim,
    trouble &&
      ((call, response) => {
        const name = call.texts.join("|");
        const isFirst = !met.has(name);
        met.add(name);
        return trouble(call, response, isFirst);
      }),
  );
  const config = {
    driver: "openai" as const,
    url: `${server.url}/v1`,
    model: "m",
    dim,
    batchSize: 16,
    timeout: more.timeout ?? 5000,
  };
  const embedder = await createEmbedder(config, { clock: realClock, ...(more.memoDir ? { memoDir: more.memoDir } : {}) });
  try {
    const cluster = fakeCluster();
    const texts = Array.from({ length: more.documents ?? 40 }, (_, at) => (at === 5 ? "POISON five" : `document number ${at}`));
    const dir = tempDir({ "a.jsonl": jsonl(...texts.map((text, id) => ({ id: `d${id}`, text }))) });
    const { result, dead } = await ingest({ cluster, cwd: dir, paths: ["a.jsonl"], embedder });
    const held = [...cluster.points("docs")];
    const wrong = held.filter(([, { vector, payload }]) =>
      vectorOf(String(payload!["text"]), dim).some((x, at) => x !== vector[at]),
    );
    return { result, dead, server, stored: held.length, wrong: wrong.map(([key]) => key), texts };
  } finally {
    await embedder.close();
    await server.close();
  }
}

// Most of these wait for the next attempt.
describe.concurrent("an endpoint that does what endpoints do, once", () => {
  it.each<[string, Trouble]>([
    ["429 with Retry-After", (_call, response, isFirst) => (isFirst ? refuse(response, 429, { "retry-after": "1" }) : undefined)],
    ["500", (_call, response, isFirst) => (isFirst ? refuse(response, 500) : undefined)],
    [
      "too few vectors",
      (call, response, isFirst) =>
        isFirst
          ? answer(
              response,
              call.texts.slice(1).map((t) => vectorOf(t, dim)),
            )
          : undefined,
    ],
    [
      "vectors of another dimension",
      (call, response, isFirst) =>
        isFirst
          ? answer(
              response,
              call.texts.map((t) => vectorOf(t, dim - 1)),
            )
          : undefined,
    ],
    [
      "NaN",
      (call, response, isFirst) =>
        isFirst
          ? answer(
              response,
              call.texts.map(() => Array.from({ length: dim }, () => Number.NaN)),
            )
          : undefined,
    ],
    ["a connection that it closes", (_call, response, isFirst) => (isFirst ? (response.destroy(), "handled") : undefined)],
    ["no answer at all", (_call, _response, isFirst) => (isFirst ? "handled" : undefined)],
  ])("%s: every vector is right in the end", async (_name, trouble) => {
    const { result, wrong, stored } = await run(trouble, { timeout: 1000 });
    expect(result.documents).toEqual({ read: 40, ok: 40, unchanged: 0, skipped: 0, dead: 0 });
    expect([stored, wrong]).toEqual([40, []]);
  });

  it("waits as long as Retry-After says", async () => {
    const { server } = await run(
      (_call, response, isFirst) => (isFirst ? refuse(response, 429, { "retry-after": "2" }) : undefined),
      {
        documents: 10,
      },
    );
    expect(server.calls).toHaveLength(2);
    expect(server.calls[1]!.atMs - server.calls[0]!.atMs).toBeGreaterThanOrEqual(1990);
  });
});

const poisoned = ({ texts }: { texts: string[] }) => texts.some((text) => text.includes("POISON"));

describe.concurrent("a text that the endpoint never gets right", () => {
  it.each<[string, Trouble, string]>([
    ["refused", (call, response) => (poisoned(call) ? refuse(response, 400) : undefined), "answered 400"],
    [
      "answered with another dimension",
      (call, response) =>
        poisoned(call)
          ? answer(
              response,
              call.texts.map(() => [1, 2]),
            )
          : undefined,
      "2 dimensions",
    ],
    [
      "answered with NaN",
      (call, response) =>
        poisoned(call)
          ? answer(
              response,
              call.texts.map(() => [Number.NaN]),
            )
          : undefined,
      "not JSON",
    ],
    [
      "answered with too many vectors",
      (call, response) => (poisoned(call) ? answer(response, [[1], [2], [3], ...call.texts.map(() => [1])]) : undefined),
      "vectors for",
    ],
  ])(
    "%s: is dead with the reason, and the others are right",
    async (_name, trouble, reason) => {
      const { result, dead, wrong, stored } = await run(trouble);
      expect(result.documents).toMatchObject({ ok: 39, dead: 1 });
      expect(dead).toEqual([expect.objectContaining({ id: "d5", stage: "embed", reason: expect.stringContaining(reason) })]);
      expect([stored, wrong]).toEqual([39, []]);
    },
    180_000,
  );

  it("not answered: is dead with the reason, and the others are right", async () => {
    const { result, dead, wrong } = await run((call) => (poisoned(call) ? "handled" : undefined), {
      timeout: 500,
      documents: 12,
    });
    expect(result.documents).toMatchObject({ ok: 11, dead: 1 });
    expect([dead[0]!.id, dead[0]!.reason, wrong]).toEqual(["d5", expect.stringContaining("could not be reached"), []]);
  }, 180_000);
});

it.concurrent("an endpoint that answers slowly only takes its time", async () => {
  const { result, wrong } = await run(async () => {
    await new Promise((resolve) => setTimeout(resolve, 300));
  });
  expect([result.documents.ok, wrong]).toEqual([40, []]);
});

it.concurrent("an endpoint that never answers ends the run with exit 3, and nothing is dead of it", async () => {
  await expect(run(() => "handled", { timeout: 100 })).rejects.toMatchObject({ exitCode: 3, code: "embedder-unreachable" });
}, 180_000);

it.concurrent("what was paid for once is not asked for again, by a run into another collection", async () => {
  const memoDir = tempDir();
  const one = await run(undefined, { memoDir });
  expect(one.result.embeddings).toEqual({ made: 40, remembered: 0 });
  const two = await run(undefined, { memoDir });
  expect([two.result.embeddings, two.server.calls, two.stored, two.wrong]).toEqual([{ made: 0, remembered: 40 }, [], 40, []]);
});

describe.skipIf(!serviceBinary("redis-server"))(`a rate that processes share${skipReason("redis-server")}`, () => {
  it("20/s is never exceeded in any second by three of them together, as the server sees it", async ({ onTestFinished }) => {
    const redis = await startRedis();
    onTestFinished(() => redis.stop());
    const server = await startEmbeddingServer(dim, async () => {
      await new Promise((resolve) => setTimeout(resolve, 5 + Math.random() * 40));
    });
    onTestFinished(() => server.close());
    const config = {
      driver: "openai",
      url: `${server.url}/v1`,
      model: "m",
      dim,
      batchSize: 1,
      timeout: 20_000,
      rate: 20,
      redis: redis.url,
    };
    const ended = await Promise.all(["a", "b", "c"].map(() => embedClient(config, 50)));
    expect(ended).toEqual([{ said: [] }, { said: [] }, { said: [] }]);
    const times = server.calls.map(({ atMs }) => atMs);
    expect(times).toHaveLength(150);
    const most = Math.max(...times.map((from, at) => times.slice(at).filter((to) => to < from + 1000).length));
    expect(most).toBeLessThanOrEqual(20);
    expect(most).toBeGreaterThan(10);
  }, 120_000);

  it("without its Redis each keeps it alone, and says so", async ({ onTestFinished }) => {
    const server = await startEmbeddingServer(dim);
    onTestFinished(() => server.close());
    const config = {
      driver: "openai",
      url: `${server.url}/v1`,
      model: "m",
      dim,
      batchSize: 1,
      timeout: 20_000,
      rate: 5,
      redis: "redis://127.0.0.1:1",
    };
    const { said } = await embedClient(config, 8);
    expect(said).toEqual([expect.stringContaining("kept by this process alone")]);
    const [firstMs, sixthMs] = [server.calls[0]!.atMs, server.calls[5]!.atMs];
    expect(sixthMs - firstMs).toBeGreaterThanOrEqual(1000);
  }, 60_000);
});

async function embedClient(config: object, count: number): Promise<{ said: string[] }> {
  const script = join(import.meta.dirname, "../helpers/embed-client.main.ts");
  const child = spawn(process.execPath, [script, JSON.stringify(config), String(count)], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  let said = "";
  child.stdout.on("data", (text: Buffer) => (said += text.toString()));
  await new Promise((resolve) => child.once("close", resolve));
  return JSON.parse(said) as { said: string[] };
}
