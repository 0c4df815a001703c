import { randomBytes } from "node:crypto";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import type { HttpAnswer, NodePool, PreparedRequest } from "../../src/http/contract.ts";
import { createPool } from "../../src/http/pool.ts";
import type {
  CollectionSpec,
  DataFace,
  Distance,
  Filter,
  NodeEndpoint,
  Payload,
  Point,
  PointId,
  StoreControl,
  VectorStoreDriver,
} from "../../src/stores/contract.ts";
import { poolOptionsOf } from "../../src/stores/endpoint.ts";
import { RagctlError } from "../../src/errors.ts";
import { dim, norm, samplePoints, scores, type SamplePoint } from "./dataset.ts";
import { judgingProxy, type JudgingProxy } from "./judging-proxy.ts";

export interface SuiteOptions {
  driver: VectorStoreDriver;
  /** Starts the server, or finds it. */
  start: () => Promise<{ url: string; stop: () => Promise<unknown> }>;
  /** The server asks for it; without one, the tests of wrong keys are left out. */
  apiKey?: string;
  /** Whether its answers, like the driver's requests, are held against the API file. */
  judgeAnswers: boolean;
  /** Every kind of request that the driver makes, as `JudgingProxy.seen` says them: the suite must have got each to succeed. */
  requests: string[];
}

/**
 * Everything that ragctl relies on from a store, run over one driver and one server. Only documented behaviour: no order of
 * retrieved points, nothing read before a `wait=true` write was answered.
 */
export function driverSuite(name: string, { driver, start, apiKey, judgeAnswers, requests }: SuiteOptions): void {
  describe(name, () => {
    const prefix = `ragctl_conformance_${randomBytes(4).toString("hex")}`;
    const made: string[] = [];
    let server: Awaited<ReturnType<SuiteOptions["start"]>>;
    let proxy: JudgingProxy;
    let endpoint: NodeEndpoint;
    let control: StoreControl;
    let pool: NodePool;

    beforeAll(async () => {
      server = await start();
      proxy = await judgingProxy(server.url, judgeAnswers);
      endpoint = { id: "n1", url: proxy.url, timeoutMs: 30_000, ...(apiKey !== undefined && { apiKey }) };
      control = driver.control(endpoint);
      pool = createPool(poolOptionsOf(driver, endpoint));
    });
    afterEach(() => {
      expect(proxy.findings()).toEqual([]);
    });
    afterAll(async () => {
      for (const collection of made) await control.deleteCollection(collection).catch(() => {});
      await pool?.close();
      await proxy?.close();
      await server?.stop();
    });

    const collectionName = (): string => {
      const collection = `${prefix}_${made.length}`;
      made.push(collection);
      return collection;
    };
    const create = async (spec: Partial<CollectionSpec> = {}): Promise<{ name: string; data: DataFace }> => {
      const collection = collectionName();
      await control.createCollection(collection, { size: dim, distance: "Cosine", ...spec });
      return { name: collection, data: driver.data(collection, spec.vector) };
    };
    const send = (request: PreparedRequest): Promise<HttpAnswer> => pool.send(request, { timeoutMs: 30_000 });
    const ok = async (request: PreparedRequest): Promise<Buffer> => {
      const answer = await send(request);
      if (answer.status !== 200) throw new Error(`${request.method} ${request.path}: ${answer.status} ${answer.body.toString()}`);
      return answer.body;
    };
    const upsert = async (data: DataFace, points: readonly Point[]): Promise<void> => {
      expect(data.parseWrite(await ok(data.prepareUpsert(points, { wait: true })))).toBe("applied");
    };
    const fetched = async (data: DataFace, ids: readonly PointId[], withVector = false): Promise<Map<PointId, Point>> => {
      const points = data.parseFetch(await ok(data.prepareFetch(ids, { withPayload: true, withVector })));
      return new Map(points.map((point) => [point.id, point]));
    };
    const count = async (data: DataFace, filter?: Filter): Promise<number> =>
      data.parseCount(await ok(data.prepareCount(filter)));
    const scrolled = async (data: DataFace, limit: number, filter?: Filter): Promise<{ ids: PointId[]; pages: number }> => {
      const ids: PointId[] = [];
      let pages = 0;
      let offset: PointId | undefined;
      do {
        const page = data.parseScroll(
          await ok(data.prepareScroll({ limit, ...(filter && { filter }), ...(offset !== undefined && { offset }) })),
        );
        ids.push(...page.points.map((point) => point.id));
        offset = page.next;
        if (++pages > 1000) throw new Error("scroll does not end");
      } while (offset !== undefined);
      return { ids, pages };
    };

    describe("collections", () => {
      it("are created, described, listed and deleted", async () => {
        const { name } = await create({ distance: "Euclid", hnsw: { m: 24, efConstruct: 90 } });
        expect(await control.collectionInfo(name)).toMatchObject({
          size: dim,
          distance: "Euclid",
          hnsw: { m: 24, efConstruct: 90 },
          pointsCount: 0,
          indexedPayloadFields: [],
        });
        expect(await control.listCollections()).toContain(name);
        expect(await control.deleteCollection(name)).toBe(true);
        expect(await control.listCollections()).not.toContain(name);
        expect(await control.collectionInfo(name)).toBeUndefined();
        expect(await control.deleteCollection(name)).toBe(false);
      });

      it("remember how their vectors are quantized, and answer all the same", async () => {
        for (const quantization of ["scalar", "product", "binary"] as const) {
          const { name, data } = await create({ quantization, payloadIndexes: [] });
          await upsert(data, samplePoints(5));
          expect(await control.collectionInfo(name)).toMatchObject({ size: dim, quantization });
          expect(await count(data)).toBe(5);
        }
      });

      it("that exist are not created again", async () => {
        const { name, data } = await create();
        await upsert(data, samplePoints(3));
        await expect(control.createCollection(name, { size: 3, distance: "Dot" })).rejects.toMatchObject({
          code: "collection-exists",
          exitCode: 3,
        });
        expect(await count(data)).toBe(3);
      });

      it("that were deleted and made again are empty", async () => {
        const { name, data } = await create();
        await upsert(data, samplePoints(5));
        await control.deleteCollection(name);
        await control.createCollection(name, { size: dim, distance: "Dot" });
        expect(await count(data)).toBe(0);
        expect(data.parseSearch(await ok(data.prepareSearch(samplePoints(1)[0]!.vector, { k: 3 })))).toEqual([]);
      });

      it("have payload indexes, once each, that change no answer", async () => {
        const { name, data } = await create();
        const points = samplePoints(40);
        await upsert(data, points.slice(0, 20));
        await control.createPayloadIndex(name, "hash", "integer");
        await control.createPayloadIndex(name, "group", "keyword");
        await control.createPayloadIndex(name, "hash", "integer");
        await upsert(data, points.slice(20));
        expect((await control.collectionInfo(name))!.indexedPayloadFields).toEqual(["group", "hash"]);
        expect((await control.collectionInfo(name))!.payloadIndexTypes).toEqual({ group: "keyword", hash: "integer" });
        const inRange = (point: SamplePoint) => (point.payload["hash"] as number) < 2 ** 31 && point.payload["group"] === "red";
        const filter: Filter = {
          must: [
            { key: "hash", range: { lt: 2 ** 31 } },
            { key: "group", match: { value: "red" } },
          ],
        };
        expect((await scrolled(data, 7, filter)).ids.toSorted(byText)).toEqual(idsWhere(points, inRange));
      });

      it("are found under aliases, which switch in one step", async () => {
        const blue = await create();
        const green = await create();
        await upsert(blue.data, samplePoints(2));
        await upsert(green.data, samplePoints(5));
        const alias = `${prefix}_alias`;
        const throughAlias = driver.data(alias);
        await control.updateAliases([{ create: { alias, collection: blue.name } }]);
        expect(await count(throughAlias)).toBe(2);
        expect(await control.listAliases()).toContainEqual({ alias, collection: blue.name });
        await control.updateAliases([{ delete: { alias } }, { create: { alias, collection: green.name } }]);
        expect(await count(throughAlias)).toBe(5);
        await upsert(throughAlias, samplePoints(6));
        expect(await count(green.data)).toBe(6);
        await control.updateAliases([{ delete: { alias } }]);
        expect(await control.listAliases()).not.toContainEqual({ alias, collection: green.name });
        expect((await send(throughAlias.prepareCount())).status).toBe(404);
      });

      it("may hold a named vector", async () => {
        const { name, data } = await create({ vector: "text", distance: "Dot" });
        expect(await control.collectionInfo(name, "text")).toMatchObject({ size: dim, distance: "Dot", vector: "text" });
        const points = samplePoints(10);
        await upsert(data, points);
        const [first] = points;
        const [hit] = data.parseSearch(
          await ok(
            data.prepareSearch(first!.vector, {
              k: 10,
              exact: true,
              withVector: true,
              filter: { must: [{ has_id: [first!.id] }] },
            }),
          ),
        );
        expect(hit).toMatchObject({ id: first!.id, vector: first!.vector.map((x) => expect.closeTo(x, 5) as number) });
        expect((await fetched(data, [first!.id], true)).get(first!.id)!.vector).toHaveLength(dim);
      });
    });

    describe("the node", () => {
      it("is healthy, and says which version it is", async () => {
        const health = await control.health();
        expect(health).toMatchObject({ ok: true, version: expect.stringMatching(/^\d+\.\d+\.\d+/) as string });
        expect(health.latencyUs).toBeGreaterThan(0);
      });

      it("says whether its own cluster mode is on", async () => {
        expect(typeof (await control.clusterEnabled())).toBe("boolean");
      });

      if (apiKey !== undefined)
        it.each([
          ["no key", undefined],
          ["a wrong key", "wrong"],
        ])("refuses %s, but for its health", async (_what, key) => {
          const { name } = await create();
          const stranger: NodeEndpoint = { id: "n1", url: proxy.url, ...(key !== undefined && { apiKey: key }) };
          await expect(driver.control(stranger).listCollections()).rejects.toMatchObject({
            code: "node-refused-key",
            exitCode: 3,
          });
          expect(await driver.control(stranger).health()).toMatchObject({ ok: true });
          const strangerPool = createPool(poolOptionsOf(driver, stranger));
          const data = driver.data(name);
          const answer = await strangerPool.send(data.prepareCount(), { timeoutMs: 30_000 });
          await strangerPool.close();
          expect(data.failure(answer.status, answer.body)).toMatchObject({ kind: "fatal" });
          expect([401, 403]).toContain(answer.status);
          // What a server says of keys is plain text, which its API file does not describe.
          expect(proxy.findings().filter((finding) => !finding.startsWith(`answer ${answer.status} `))).toEqual([]);
        });
    });

    describe("points", () => {
      it("come back as they were written, and those that are not there are left out", async () => {
        const { data } = await create({ distance: "Dot" });
        const points: Point[] = [
          ...samplePoints(6),
          { id: 2 ** 53 - 1, vector: samplePoints(1)[0]!.vector, payload: { largest: true } },
          { id: 0, vector: samplePoints(1)[0]!.vector },
        ];
        await upsert(data, points);
        const found = await fetched(data, [...points.map((point) => point.id), 999_999], true);
        expect([...found.keys()].toSorted(byText)).toEqual(points.map((point) => point.id).toSorted(byText));
        for (const { id, vector, payload } of points) {
          expect(found.get(id)!.payload ?? {}).toEqual(payload ?? {});
          expect(found.get(id)!.vector).toEqual([...vector!].map((x) => expect.closeTo(x, 5) as number));
        }
      });

      it("have the vectors of their Float32Arrays exactly", async () => {
        const { data } = await create({ distance: "Dot" });
        const vector = Float32Array.from(samplePoints(1)[0]!.vector);
        await upsert(data, [{ id: 1, vector }]);
        expect(Float32Array.from((await fetched(data, [1], true)).get(1)!.vector!)).toEqual(vector);
      });

      it("of a cosine collection come back normalised or as written", async () => {
        const { data } = await create({ distance: "Cosine" });
        const [point] = samplePoints(1);
        await upsert(data, [point!]);
        const back = [...(await fetched(data, [point!.id], true)).get(point!.id)!.vector!];
        for (const [i, x] of back.entries()) expect(x / norm(back)).toBeCloseTo(point!.vector[i]! / norm(point!.vector), 5);
      });

      it("are replaced whole by an upsert", async () => {
        const { data } = await create({ distance: "Dot" });
        const [first, second] = samplePoints(2);
        await upsert(data, [{ ...first!, payload: { old: 1, kept: 1 } }]);
        await upsert(data, [{ id: first!.id, vector: second!.vector, payload: { kept: 2 } }]);
        const point = (await fetched(data, [first!.id], true)).get(first!.id)!;
        expect(point.payload).toEqual({ kept: 2 });
        expect(point.vector![0]).toBeCloseTo(second!.vector[0]!, 5);
        expect(await count(data)).toBe(1);
        await upsert(data, [{ id: first!.id, vector: second!.vector }]);
        expect((await fetched(data, [first!.id])).get(first!.id)!.payload ?? {}).toEqual({});
      });

      it("show the payload fields that are asked for", async () => {
        const { data } = await create();
        await upsert(data, samplePoints(1));
        const shown = async (withPayload: boolean | string[]) =>
          data.parseFetch(await ok(data.prepareFetch([1], { withPayload })))[0]!.payload ?? {};
        expect(await shown(["n", "group", "absent"])).toEqual({ n: 0, group: "red" });
        expect(await shown(false)).toEqual({});
        expect(await shown(true)).toEqual(samplePoints(1)[0]!.payload);
      });

      it("are deleted by id, known or not, and by filter", async () => {
        const { data } = await create();
        const points = samplePoints(30);
        await upsert(data, points);
        const remove = async (target: Parameters<DataFace["prepareDelete"]>[0]) =>
          expect(data.parseWrite(await ok(data.prepareDelete(target, { wait: true })))).toBe("applied");
        await remove({ ids: [points[0]!.id, points[2]!.id, 123_456] });
        expect(await count(data)).toBe(28);
        await remove({ filter: { must: [{ key: "n", range: { gte: 20 } }] } });
        const left = points.filter(({ payload: { n } }) => n < 20 && n !== 0 && n !== 2);
        expect((await scrolled(data, 100)).ids.toSorted(byText)).toEqual(idsWhere(left));
        const hits = data.parseSearch(await ok(data.prepareSearch(points[0]!.vector, { k: 30 })));
        expect(hits.map((hit) => hit.id).toSorted(byText)).toEqual(idsWhere(left));
      });

      it("take new payload fields, by id and by filter, and keep the others", async () => {
        const { data } = await create();
        const points = samplePoints(6);
        await upsert(data, points);
        const set = async (target: Parameters<DataFace["prepareSetPayload"]>[0], payload: Payload) =>
          expect(data.parseWrite(await ok(data.prepareSetPayload(target, payload, { wait: true })))).toBe("applied");
        await set({ ids: [points[0]!.id, points[1]!.id] }, { n: 100, added: [1] });
        await set({ filter: { must: [{ key: "n", range: { gte: 4, lt: 100 } }] } }, { added: "x" });
        const found = await fetched(
          data,
          points.map((point) => point.id),
        );
        expect(found.get(points[0]!.id)!.payload).toEqual({ ...points[0]!.payload, n: 100, added: [1] });
        expect(found.get(points[3]!.id)!.payload).toEqual(points[3]!.payload);
        expect(found.get(points[5]!.id)!.payload).toEqual({ ...points[5]!.payload, added: "x" });
        expect(await count(data, { must: [{ key: "n", match: { value: 100 } }] })).toBe(2);
      });

      it.runIf(driver.capabilities.supportsConditionalUpsert)(
        "replace only what matches a condition, where they are there; new ones are written anyway",
        async () => {
          const { data } = await create();
          const points = samplePoints(6);
          await upsert(data, points.slice(0, 4));
          const onlyIf = { must: [{ key: "n", match: { any: [0, 2] } }] };
          const written = points.map(({ id, vector, payload }) => ({ id, vector, payload: { ...payload, again: true } }));
          const request = data.prepareUpsert(written, { wait: true, onlyIf });
          expect(data.parseWrite(await ok(request))).toBe("applied");
          const found = await fetched(
            data,
            points.map((point) => point.id),
          );
          expect(points.map(({ id }) => found.get(id)!.payload!["again"] === true)).toEqual([
            true,
            false,
            true,
            false,
            true,
            true,
          ]);
          // All that is left of it: nothing to do is no error.
          const nothing = { must: [{ is_empty: { key: "n" } }] };
          expect(data.parseWrite(await ok(data.prepareUpsert(points, { wait: true, onlyIf: nothing })))).toBe("applied");
          expect((await fetched(data, [points[0]!.id])).get(points[0]!.id)!.payload!["again"]).toBe(true);
          expect(await count(data)).toBe(6);
        },
      );

      it("written without waiting are there after a write that waits", async () => {
        const { data } = await create();
        const points = samplePoints(20);
        for (const point of points.slice(0, 19))
          expect(["applied", "queued"]).toContain(data.parseWrite(await ok(data.prepareUpsert([point], { wait: false }))));
        await upsert(data, [points[19]!]);
        expect(await count(data)).toBe(20);
      });

      it("may be written at the same time", async () => {
        const { data } = await create();
        const points = samplePoints(200);
        await Promise.all(Array.from({ length: 20 }, (_, i) => upsert(data, points.slice(i * 10, i * 10 + 10))));
        expect(await count(data)).toBe(200);
        expect((await scrolled(data, 33)).ids.toSorted(byText)).toEqual(idsWhere(points));
      });

      it("fit in batches of the stated size", async () => {
        const { data } = await create({ size: 384, distance: "Dot" });
        const base = samplePoints(driver.capabilities.maxBatch);
        const wide = base.map(({ id, vector, payload }) => ({
          id,
          vector: Float32Array.from({ length: 384 }, (_, i) => vector[i % dim]! * (1 + i / 384)),
          payload,
        }));
        await upsert(data, wide);
        expect(await count(data)).toBe(wide.length);
      });
    });

    describe("scrolling", () => {
      it("gives every point once, integers in ascending order, page by page to the end", async () => {
        const { data } = await create();
        const points = samplePoints(25);
        await upsert(data, points.toReversed());
        for (const limit of [1, 7, 24, 25, 26]) {
          const { ids } = await scrolled(data, limit);
          expect(ids.toSorted(byText)).toEqual(idsWhere(points));
          const integers = ids.filter((id) => typeof id === "number");
          expect(integers).toEqual(integers.toSorted((a, b) => a - b));
        }
      });

      it("of an empty collection ends at once", async () => {
        const { data } = await create();
        expect(await scrolled(data, 10)).toEqual({ ids: [], pages: 1 });
      });

      it("goes on from an id that is no longer there", async () => {
        const { data } = await create();
        const vector = samplePoints(1)[0]!.vector;
        await upsert(
          data,
          [1, 2, 3, 4, 5, 6].map((id) => ({ id, vector })),
        );
        const first = data.parseScroll(await ok(data.prepareScroll({ limit: 3 })));
        expect(first.next).toBe(4);
        await ok(data.prepareDelete({ ids: [4] }, { wait: true }));
        const second = data.parseScroll(await ok(data.prepareScroll({ limit: 3, offset: 4 })));
        expect(second.points.map((point) => point.id)).toEqual([5, 6]);
        expect(second.next).toBeUndefined();
      });

      it("carries payloads and vectors", async () => {
        const { data } = await create({ distance: "Dot" });
        const [point] = samplePoints(1);
        await upsert(data, [point!]);
        const page = data.parseScroll(await ok(data.prepareScroll({ limit: 1, withPayload: ["n"], withVector: true })));
        expect(page.points).toEqual([
          { id: point!.id, payload: { n: 0 }, vector: point!.vector.map((x) => expect.closeTo(x, 5) as number) },
        ]);
      });
    });

    describe("filters", () => {
      const points = samplePoints(60);
      let data: DataFace;
      beforeAll(async () => {
        ({ data } = await create());
        await upsert(data, points);
      });

      const p = (test: (payload: Record<string, any>, point: SamplePoint) => boolean) => (point: SamplePoint) =>
        test(point.payload, point);
      const half = 2 ** 31;
      const version = 1_790_000_000_000 * 4096;
      const cases: [string, Filter, (point: SamplePoint) => boolean][] = [
        ["value: text", { must: [{ key: "group", match: { value: "red" } }] }, p(({ group }) => group === "red")],
        ["value: integer", { must: [{ key: "n", match: { value: 7 } }] }, p(({ n }) => n === 7)],
        ["value: large integer", { must: [{ key: "version", match: { value: version + 9 } }] }, p(({ n }) => n === 9)],
        ["value: boolean", { must: [{ key: "even", match: { value: true } }] }, p(({ even }) => even)],
        ["value: of a list", { must: [{ key: "tags", match: { value: "t5" } }] }, p(({ tags }) => tags.includes("t5"))],
        ["value: nobody's", { must: [{ key: "group", match: { value: "grey" } }] }, () => false],
        ["value: another type's", { must: [{ key: "n", match: { value: "7" } }] }, () => false],
        [
          "any: texts",
          { must: [{ key: "group", match: { any: ["red", "blue", "grey"] } }] },
          p(({ group }) => group !== "green"),
        ],
        ["any: integers", { must: [{ key: "n", match: { any: [1, 2, 3, 99] } }] }, p(({ n }) => n >= 1 && n <= 3)],
        ["except: texts", { must: [{ key: "group", match: { except: ["red"] } }] }, p(({ group }) => group !== "red")],
        ["except: integers", { must: [{ key: "n", match: { except: [0, 1] } }] }, p(({ n }) => n > 1)],
        ["range: half-open", { must: [{ key: "n", range: { gte: 10, lt: 20 } }] }, p(({ n }) => n >= 10 && n < 20)],
        ["range: the other ends", { must: [{ key: "n", range: { gt: 10, lte: 20 } }] }, p(({ n }) => n > 10 && n <= 20)],
        ["range: upper half of the hashes", { must: [{ key: "hash", range: { gte: half } }] }, p(({ hash }) => hash >= half)],
        ["range: versions", { must: [{ key: "version", range: { gt: version + 30 } }] }, p(({ n }) => n > 30)],
        ["range: of text", { must: [{ key: "group", range: { gte: 0 } }] }, () => false],
        ["range: empty", { must: [{ key: "n", range: { gte: 20, lt: 20 } }] }, () => false],
        ["has_id", { must: [{ has_id: [1, 4, points[2]!.id, 12_345] }] }, p((_, { id }) => [1, 4, points[2]!.id].includes(id))],
        ["is_empty", { must: [{ is_empty: { key: "sometimes" } }] }, p(({ n }) => n % 4 !== 3)],
        ["is_empty of what nobody has", { must: [{ is_empty: { key: "nowhere" } }] }, () => true],
        ["must_not", { must_not: [{ key: "group", match: { value: "red" } }] }, p(({ group }) => group !== "red")],
        ["must_not has_id", { must_not: [{ has_id: [1] }] }, p((_, { id }) => id !== 1)],
        ["must_not is_empty", { must_not: [{ is_empty: { key: "sometimes" } }] }, p(({ n }) => n % 4 === 3)],
        [
          "two of must",
          {
            must: [
              { key: "even", match: { value: true } },
              { key: "n", range: { lt: 10 } },
            ],
          },
          p(({ n }) => n % 2 === 0 && n < 10),
        ],
        [
          "should: ranges of a selector",
          {
            should: [
              { key: "hash", range: { gte: 0, lt: 2 ** 30 } },
              { key: "hash", range: { gte: 3 * 2 ** 30, lt: 2 ** 32 } },
            ],
          },
          p(({ hash }) => hash < 2 ** 30 || hash >= 3 * 2 ** 30),
        ],
        [
          "must, should and must_not together",
          {
            must: [{ key: "n", range: { lt: 40 } }],
            should: [
              { key: "group", match: { value: "red" } },
              { key: "even", match: { value: true } },
            ],
            must_not: [{ key: "tags", match: { any: ["t0"] } }],
          },
          p(({ n, group, even, tags }) => n < 40 && (group === "red" || even) && !tags.includes("t0")),
        ],
        [
          "filters within filters",
          {
            must: [
              { should: [{ has_id: [1] }, { must_not: [{ key: "n", range: { lt: 50 } }] }] },
              { key: "n", range: { gte: 0 } },
            ],
          },
          p(({ n }, { id }) => id === 1 || n >= 50),
        ],
      ];

      it.each(cases)("%s: the same points by scroll, count and search", async (_name, filter, matches) => {
        const expected = idsWhere(points, matches);
        expect((await scrolled(data, 9, filter)).ids.toSorted(byText)).toEqual(expected);
        expect(await count(data, filter)).toBe(expected.length);
        for (const exact of [true, false]) {
          const hits = data.parseSearch(await ok(data.prepareSearch(points[0]!.vector, { k: 60, filter, exact })));
          expect(hits.map((hit) => hit.id).toSorted(byText)).toEqual(expected);
        }
      });
    });

    describe.each(Object.keys(scores) as Distance[])("searching by %s", (distance) => {
      const points = samplePoints(80, 11);
      const query = samplePoints(3, 12)[2]!.vector;
      const { score, higherIsBetter } = scores[distance];
      const truth = points
        .map(({ id, vector }) => ({ id, score: score(query, vector) }))
        .toSorted((a, b) => (higherIsBetter ? b.score - a.score : a.score - b.score));
      let data: DataFace;
      beforeAll(async () => {
        ({ data } = await create({ distance }));
        await upsert(data, points);
      });
      const search = async (options: Parameters<DataFace["prepareSearch"]>[1], vector: number[] | Float32Array = query) =>
        data.parseSearch(await ok(data.prepareSearch(vector, options)));

      it("exactly: order and scores of the definition", async () => {
        const hits = await search({ k: 10, exact: true });
        expect(hits.map((hit) => hit.id)).toEqual(truth.slice(0, 10).map((hit) => hit.id));
        for (const [i, hit] of hits.entries()) expect(hit.score).toBeCloseTo(truth[i]!.score, 3);
        expect(hits[0]).not.toHaveProperty("payload");
        expect(hits[0]).not.toHaveProperty("vector");
      });

      it("with an index, and an ef: nearly the same", async () => {
        const hits = await search({ k: 10, ef: 128 }, Float32Array.from(query));
        const best = new Set(truth.slice(0, 10).map((hit) => hit.id));
        expect(hits.filter((hit) => best.has(hit.id)).length).toBeGreaterThanOrEqual(9);
      });

      it("for more than there are: all", async () => {
        expect(await search({ k: 500, exact: true })).toHaveLength(80);
      });

      it("above a threshold, which for distances is below one", async () => {
        const threshold = (truth[4]!.score + truth[5]!.score) / 2;
        const hits = await search({ k: 80, exact: true, scoreThreshold: threshold });
        expect(hits.map((hit) => hit.id)).toEqual(truth.slice(0, 5).map((hit) => hit.id));
      });

      it("with payloads and vectors", async () => {
        const [hit] = await search({ k: 1, exact: true, withPayload: ["n"], withVector: true });
        const point = points.find(({ id }) => id === truth[0]!.id)!;
        expect(hit!.payload).toEqual({ n: point.payload.n });
        expect(score(hit!.vector!, query)).toBeCloseTo(score(point.vector, query), 3);
        expect((await search({ k: 1, exact: true, withPayload: true }))[0]!.payload).toEqual(point.payload);
      });
    });

    describe("what cannot be", () => {
      const vector = samplePoints(1)[0]!.vector;
      const failure = async (data: DataFace, request: PreparedRequest) => {
        const answer = await send(request);
        return data.failure(answer.status, answer.body, answer.headers);
      };

      it("a collection that is not there: 404, fatal, named", async () => {
        const missing = `${prefix}_missing`;
        const data = driver.data(missing);
        const requests = [
          data.prepareSearch(vector, { k: 1 }),
          data.prepareUpsert([{ id: 1, vector }], { wait: true }),
          data.prepareFetch([1], {}),
          data.prepareCount(),
          data.prepareScroll({ limit: 1 }),
          data.prepareDelete({ ids: [1] }, { wait: true }),
          data.prepareSetPayload({ ids: [1] }, { a: 1 }, { wait: true }),
        ];
        for (const request of requests)
          expect(await failure(data, request)).toMatchObject({
            kind: "fatal",
            status: 404,
            message: expect.stringContaining(missing) as string,
          });
        await expect(control.createPayloadIndex(missing, "a", "integer")).rejects.toBeInstanceOf(RagctlError);
      });

      it("a vector of another size: 400, fatal, and nothing is written", async () => {
        const { data } = await create();
        const [good] = samplePoints(1);
        const bad = { id: 77, vector: [1, 2, 3] };
        expect(await failure(data, data.prepareSearch([1, 2, 3], { k: 1 }))).toMatchObject({ kind: "fatal", status: 400 });
        expect(await failure(data, data.prepareUpsert([bad], { wait: true }))).toMatchObject({ kind: "fatal", status: 400 });
        await upsert(data, [good!]);
        expect(await count(data)).toBe(1);
      });

      it("a vector name that is not there: 400, fatal", async () => {
        const { name } = await create();
        const data = driver.data(name, "nope");
        expect(await failure(data, data.prepareSearch(vector, { k: 1 }))).toMatchObject({ kind: "fatal", status: 400 });
      });

      it("an alias to nothing: refused", async () => {
        await expect(
          control.updateAliases([{ create: { alias: `${prefix}_dangling`, collection: `${prefix}_missing` } }]),
        ).rejects.toMatchObject({ exitCode: 3 });
      });
    });

    it("has sent every kind of request that the driver makes", () => {
      expect(requests.filter((request) => !proxy.seen.has(`${request} 200`))).toEqual([]);
    });
  });
}

function byText(a: PointId, b: PointId): number {
  return String(a) < String(b) ? -1 : 1;
}

function idsWhere(points: readonly SamplePoint[], matches: (point: SamplePoint) => boolean = () => true): PointId[] {
  return points
    .filter((point) => matches(point))
    .map((point) => point.id)
    .toSorted(byText);
}
