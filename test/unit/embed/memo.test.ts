import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { Embedder } from "../../../src/embed/contract.ts";
import { createEmbedder } from "../../../src/embed/index.ts";
import type { VectorMemo } from "../../../src/embed/memo/contract.ts";
import { rememberingEmbedder } from "../../../src/embed/memo/embedder.ts";
import { sqliteMemo } from "../../../src/embed/memo/sqlite.ts";
import { realClock } from "../../../src/runtime.ts";
import { tempDir } from "../../helpers/temp-dir.ts";

/** Counts what is paid for. */
function paid(name = "openai:tiny", dim = 3) {
  const asked: string[][] = [];
  const state = { fails: 0, wait: undefined as Promise<void> | undefined };
  const embedder: Embedder = {
    name,
    dim,
    async embed(texts) {
      asked.push([...texts]);
      await state.wait;
      if (state.fails-- > 0) throw new Error("no");
      return texts.map((text) => Float32Array.from({ length: dim }, (_, at) => text.length + at / 3));
    },
    close: async () => {},
  };
  return { embedder, asked, state };
}
const never = (text: string) => expect.unreachable(text);

describe("an embedder that remembers", () => {
  it("pays for no text twice, in one call, in the next, in the next process", async () => {
    const file = join(tempDir(), "a", "memo.sqlite");
    const first = paid();
    const one = rememberingEmbedder(first.embedder, await sqliteMemo(file, 1e9), never);
    const vectors = await one.embed(["a", "bb", "a"]);
    expect(vectors[2]).toEqual(vectors[0]);
    expect(await one.embed(["bb", "ccc", "a"])).toEqual([vectors[1], Float32Array.from([3, 3 + 1 / 3, 3 + 2 / 3]), vectors[0]]);
    expect(first.asked).toEqual([["a", "bb"], ["ccc"]]);
    expect(one.usage!()).toEqual({ made: 3, remembered: 3 });
    await one.close();

    const second = paid();
    const again = rememberingEmbedder(second.embedder, await sqliteMemo(file, 1e9), never);
    expect(await again.embed(["a", "bb"])).toEqual([vectors[0], vectors[1]]);
    expect(second.asked).toEqual([]);
    await again.close();
  });

  it("never takes a vector of another model, or of another size", async () => {
    const file = join(tempDir(), "memo.sqlite");
    for (const [name, dim] of [
      ["openai:a", 3],
      ["openai:b", 3],
      ["openai:a", 4],
    ] as const) {
      const { embedder, asked } = paid(name, dim);
      const remembering = rememberingEmbedder(embedder, await sqliteMemo(file, 1e9), never);
      expect((await remembering.embed(["text"]))[0]).toHaveLength(dim);
      expect(asked).toEqual([["text"]]);
      await remembering.close();
    }
  });

  it("waits for what is on its way; and where that fails, asks for itself", async () => {
    const { embedder, asked, state } = paid();
    const remembering = rememberingEmbedder(embedder, await sqliteMemo(":memory:", 1e9), never);
    const gate = Promise.withResolvers<void>();
    state.wait = gate.promise;
    const both = [remembering.embed(["a", "b"]), remembering.embed(["b", "c"])];
    await new Promise((resolve) => setImmediate(resolve));
    gate.resolve();
    await Promise.all(both);
    expect(asked).toEqual([["a", "b"], ["c"]]);

    const second = Promise.withResolvers<void>();
    state.wait = second.promise;
    state.fails = 1;
    const failing = remembering.embed(["d", "e"]);
    failing.catch(() => undefined);
    const waiting = remembering.embed(["e"]);
    await new Promise((resolve) => setImmediate(resolve));
    second.resolve();
    await expect(failing).rejects.toThrow("no");
    expect((await waiting)[0]).toHaveLength(3);
    expect(asked.slice(2)).toEqual([["d", "e"], ["e"]]);
  });

  it("does without a memo that fails, and says so once", async () => {
    const broken: VectorMemo = {
      get: () => Promise.reject(new Error("disk I/O error")),
      put: () => Promise.reject(new Error("disk I/O error")),
      close: async () => {},
    };
    const said: string[] = [];
    const { embedder, asked } = paid();
    const remembering = rememberingEmbedder(embedder, broken, (text) => said.push(text));
    await remembering.embed(["a"]);
    await remembering.embed(["a"]);
    expect([asked.length, said]).toEqual([
      2,
      ["the cache of embeddings cannot be used (disk I/O error); texts are embedded anew"],
    ]);
  });

  it("forgets the oldest quarter when its file has grown too large", async () => {
    const file = join(tempDir(), "memo.sqlite");
    const { embedder } = paid("openai:wide", 2000);
    const texts = Array.from({ length: 100 }, (_, at) => `text ${at}`);
    const first = rememberingEmbedder(embedder, await sqliteMemo(file, 1e9), never);
    await first.embed(texts);
    await first.close();
    const second = paid("openai:wide", 2000);
    const small = rememberingEmbedder(second.embedder, await sqliteMemo(file, 1e5), never);
    await small.embed(texts);
    expect(second.asked).toEqual([texts.slice(0, 25)]);
    await small.close();
  });
});

describe("createEmbedder", () => {
  const config = { driver: "openai" as const, url: "http://127.0.0.1:1/v1", model: "m", dim: 3, batchSize: 2, timeout: 1000 };

  it("goes on without a cache whose file is none, and says so", async () => {
    const dir = tempDir();
    writeFileSync(join(dir, "openai_m-3.sqlite"), "this is no database, and long enough to be seen as none ".repeat(40));
    const said: string[] = [];
    const embedder = await createEmbedder(config, { clock: realClock, memoDir: dir, warn: (text) => said.push(text) });
    expect([embedder.usage?.(), said.length, said[0]]).toEqual([undefined, 1, expect.stringContaining("not a database")]);
    await embedder.close();
  });

  it("keeps nothing where nobody says where, or the config says off; and refuses a Redis that is not named", async () => {
    expect((await createEmbedder(config, { clock: realClock })).usage?.()).toBeUndefined();
    expect(
      (await createEmbedder({ ...config, cache: "off" }, { clock: realClock, memoDir: tempDir() })).usage?.(),
    ).toBeUndefined();
    await expect(createEmbedder({ ...config, cache: "redis" }, { clock: realClock })).rejects.toMatchObject({ exitCode: 2 });
  });
});
