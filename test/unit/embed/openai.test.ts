import { describe, expect, it } from "vitest";
import { embeddingsPath, openaiEmbedder } from "../../../src/embed/openai.ts";
import { parseRetryAfterMs, retryDelayMs } from "../../../src/embed/retry.ts";
import { TransportError, type HttpAnswer, type NodePool, type PreparedRequest } from "../../../src/http/contract.ts";
import { SimClock } from "../../helpers/sim-clock.ts";

const config = {
  driver: "openai" as const,
  url: "http://tei.test/v1",
  model: "tiny",
  dim: 3,
  apiKey: "s3cret",
  batchSize: 2,
  timeout: 1000,
};

interface Asked {
  texts: string[];
  request: PreparedRequest;
  atMs: number;
}
type Reply = (asked: Asked) => { status?: number; headers?: Record<string, string>; body: unknown };

/** A pool that answers with each reply in turn, the last one for ever; and an embedder on it. */
function setUp(...replies: (Reply | TransportError)[]) {
  const clock = new SimClock(0);
  const asked: Asked[] = [];
  const pool: NodePool = {
    origin: "http://tei.test",
    inFlight: 0,
    async send(request): Promise<HttpAnswer> {
      const { input } = JSON.parse(request.body!.toString("utf8")) as { input: string[] };
      asked.push({ texts: input, request, atMs: clock.nowMs() });
      const reply = replies[Math.min(asked.length, replies.length) - 1]!;
      if (reply instanceof TransportError) throw reply;
      const { status = 200, headers = {}, body } = reply(asked.at(-1)!);
      const bytes = Buffer.from(typeof body === "string" ? body : JSON.stringify(body));
      return { status, headers, body: bytes, sentUs: 0, endUs: 0 };
    },
    close: async () => {},
  };
  const embedder = openaiEmbedder(config, { clock }, pool);
  /** Runs an embedding with all the simulated time it wants. */
  const embed = async (texts: string[], signal?: AbortSignal) => {
    const state = { done: false };
    const settled = embedder.embed(texts, signal ? { signal } : {}).then(
      (vectors) => ({ vectors }),
      (error: Error) => ({ error }),
    );
    void settled.then(() => (state.done = true));
    for (let turn = 0; turn < 500 && !state.done; turn++) await clock.advance(500);
    return (await settled) as
      | { vectors: Float32Array[]; error: undefined }
      | { vectors: undefined; error: Error & Record<string, unknown> };
  };
  return { embed, asked, clock };
}

const vectorOf = (text: string) => [text.length, 1, 0];
const good: Reply = ({ texts }) => ({
  body: { data: texts.map((text, index) => ({ index, embedding: vectorOf(text) })) },
});

describe("an OpenAI-compatible endpoint", () => {
  it("is asked in batches, with the key, for vectors in the order of the texts", async () => {
    const { embed, asked } = setUp(good);
    const { vectors } = await embed(["a", "bb", "ccc"]);
    expect(vectors!.map((vector) => vector[0])).toEqual([1, 2, 3]);
    expect(asked.map(({ texts }) => texts)).toEqual([["a", "bb"], ["ccc"]]);
    expect(asked[0]!.request).toMatchObject({ method: "POST", path: "/v1/embeddings" });
    expect(asked[0]!.request.headers).toEqual(["content-type", "application/json", "authorization", "Bearer s3cret"]);
    expect(JSON.parse(asked[0]!.request.body!.toString())).toMatchObject({ model: "tiny", encoding_format: "float" });
  });

  it("may answer in any order: the index decides", async () => {
    const { embed } = setUp(({ texts }) => ({
      body: { data: texts.map((text, index) => ({ index, embedding: vectorOf(text) })).toReversed() },
    }));
    const { vectors } = await embed(["a", "bb"]);
    expect(vectors!.map((vector) => vector[0])).toEqual([1, 2]);
  });

  it("is waited for as Retry-After says", async () => {
    const { embed, asked } = setUp(
      () => ({ status: 429, headers: { "retry-after": "7" }, body: { error: { message: "slow down" } } }),
      good,
    );
    expect((await embed(["a"])).vectors).toHaveLength(1);
    expect(asked.map(({ atMs }) => atMs)).toEqual([0, 7000]);
  });

  it("is given up after six attempts with a doubling wait, saying what it said last", async () => {
    const { embed, asked } = setUp(() => ({ status: 503, body: { error: "model is loading" } }));
    const { error } = await embed(["a"]);
    expect(error).toMatchObject({ code: "embedder-unreachable", exitCode: 3 });
    expect(error!.message).toBe("the embedder at http://tei.test/v1 answered 503: model is loading");
    expect(asked.map(({ atMs }) => atMs)).toEqual([0, 250, 750, 1750, 3750, 7750]);
  });

  it("may be unreachable at first", async () => {
    const { embed } = setUp(new TransportError("connect", "connect ECONNREFUSED 127.0.0.1:1", false), good);
    expect((await embed(["a"])).vectors).toHaveLength(1);
  });

  it.each<[string, unknown, string]>([
    ["too few vectors", { data: [] }, "gave 0 vectors for 1 texts"],
    ["another dimension", { data: [{ index: 0, embedding: [1, 2] }] }, "gave a vector of 2 dimensions where the config says 3"],
    [
      "null in a vector",
      { data: [{ index: 0, embedding: [1, null, 2] }] },
      "gave a vector with something that is not a finite number in it",
    ],
    [
      "an infinite number",
      `{"data":[{"index":0,"embedding":[1,1e999,2]}]}`,
      "gave a vector with something that is not a finite number in it",
    ],
    ["a wrong index", { data: [{ index: 4, embedding: [1, 2, 3] }] }, "gave vectors whose indexes are not 0 to 0, each once"],
    ["no JSON", "<html>", "answered 200 with something that is not JSON"],
    ["another shape", { embeddings: [] }, "answered 200 without `data[].embedding`: is it an OpenAI-compatible endpoint?"],
  ])("that keeps answering %s is an error", async (_what, body, says) => {
    const { embed, asked } = setUp(() => ({ body }));
    const { error } = await embed(["a"]);
    expect(error).toMatchObject({ code: "embedder-answer", message: `the embedder at http://tei.test/v1 ${says}` });
    expect(asked).toHaveLength(3);
  });

  it("that makes no sense once is asked again", async () => {
    const { embed } = setUp(() => ({ body: { data: [] } }), good);
    expect((await embed(["a"])).vectors).toHaveLength(1);
  });

  it.each([
    [400, "embedder-refused"],
    [413, "embedder-refused"],
    [401, "embedder-denied"],
    [404, "embedder-denied"],
  ])("that answers %i is not asked again", async (status, code) => {
    const { embed, asked } = setUp(() => ({ status, body: "no" }));
    const { error } = await embed(["a"]);
    expect(error).toMatchObject({ code, exitCode: 3 });
    expect(JSON.stringify(error)).not.toContain("s3cret");
    expect(asked).toHaveLength(1);
  });

  it("is left at once when aborted while waiting", async () => {
    const { embed, asked } = setUp(() => ({ status: 500, body: "" }));
    const stop = new AbortController();
    const outcome = embed(["a"], stop.signal);
    stop.abort(new Error("stop"));
    expect((await outcome).error!.message).toBe("stop");
    expect(asked.length).toBeLessThanOrEqual(1);
  });
});

it.each([
  ["http://h/v1", "/v1/embeddings"],
  ["http://h/v1/", "/v1/embeddings"],
  ["http://h", "/embeddings"],
  ["http://h/v1/embeddings", "/v1/embeddings"],
  ["https://h/openai/v1?api-version=2", "/openai/v1/embeddings?api-version=2"],
])("%s is asked at %s", (url, path) => {
  expect(embeddingsPath(url)).toBe(path);
});

describe("the wait before a retry", () => {
  it.each([
    [{ tried: 1, nowMs: 0, jitter: 0 }, 250],
    [{ tried: 3, nowMs: 0, jitter: 0 }, 1000],
    [{ tried: 20, nowMs: 0, jitter: 0 }, 30_000],
    [{ tried: 1, nowMs: 0, jitter: 0.5 }, 281.25],
    [{ tried: 1, retryAfter: "2", nowMs: 0, jitter: 0 }, 2000],
    [{ tried: 1, retryAfter: "86400", nowMs: 0, jitter: 0 }, 30_000],
    [{ tried: 2, retryAfter: "nonsense", nowMs: 0, jitter: 0 }, 500],
  ])("%j is %d ms", (input, waitMs) => {
    expect(retryDelayMs(input)).toBe(waitMs);
  });

  it("understands dates, past ones too", () => {
    const nowMs = Date.parse("2026-01-01T00:00:00Z");
    expect(parseRetryAfterMs("Thu, 01 Jan 2026 00:00:05 GMT", nowMs)).toBe(5000);
    expect(parseRetryAfterMs("Wed, 31 Dec 2025 00:00:00 GMT", nowMs)).toBe(0);
  });
});
