import { TransportError, type HttpAnswer, type NodePool, type PreparedRequest } from "../../../src/http/contract.ts";
import type { Rng } from "../../../src/runtime.ts";
import type { StoreControl, VectorStoreDriver } from "../../../src/stores/contract.ts";
import { qdrant } from "../../../src/stores/qdrant/index.ts";
import { answerPoints, Refused, type PointSpace } from "../qdrant-points.ts";
import type { EventClock } from "./event-clock.ts";

/** Probabilities of what becomes of a write. */
export interface Trouble {
  /** Carried out, and its sender is not told. */
  lost: number;
  /** Carried out when its sender has given up. */
  late: number;
}

/** A store that shards by itself, as its clients see it: collections of points behind messages that take time, and sometimes too much. */
export class NativeSimStore {
  readonly collections = new Map<string, PointSpace>();
  readonly aliases = new Map<string, string>();
  trouble: Trouble = { lost: 0, late: 0 };
  readonly #clock: EventClock;
  readonly #rng: Rng;

  constructor(clock: EventClock, rng: Rng) {
    this.#clock = clock;
    this.#rng = rng;
  }

  create(name: string, custom: boolean, size: number): PointSpace {
    const space: PointSpace = { name, custom, size, distance: "Cosine", shards: new Map() };
    if (!custom) for (const shard of [0, 1, 2]) space.shards.set(shard, {});
    this.collections.set(name, space);
    return space;
  }

  /** @param dead the process of its client is gone: it hears nothing any more */
  pool(dead: () => boolean): NodePool {
    return {
      origin: "http://store",
      inFlight: 0,
      send: (request, { timeoutMs }) => this.#send(request, timeoutMs, dead),
      close: () => Promise.resolve(),
    };
  }

  async #send(request: PreparedRequest, timeoutMs: number, dead: () => boolean): Promise<HttpAnswer> {
    const sentUs = this.#clock.monotonicUs();
    const fate = request.kind === "write" ? this.#rng() : 1;
    const { lost, late } = this.trouble;
    const isLate = fate >= lost && fate < lost + late;
    // Beyond the patience of its sender, and within one request timeout more.
    const wayMs = isLate ? timeoutMs * (1.05 + this.#rng() * 0.8) : 1 + this.#rng() * 8;
    const answer = this.#clock.sleep(wayMs).then(() => this.#answer(request));
    answer.catch(() => undefined);
    const backMs = 1 + this.#rng() * 8;
    if (isLate || fate < lost) {
      await this.#clock.sleep(timeoutMs);
      if (dead()) await forever();
      throw new TransportError("timeout", "no answer", true);
    }
    const { status, body } = await answer;
    await this.#clock.sleep(backMs);
    if (dead()) await forever();
    return { status, headers: {}, body: Buffer.from(JSON.stringify(body)), sentUs, endUs: this.#clock.monotonicUs() };
  }

  #answer({ method, path, body }: PreparedRequest): { status: number; body: unknown } {
    const [, , named = "", , rest = ""] = path.split("?")[0]!.split("/");
    const name = decodeURIComponent(named);
    const space = this.collections.get(this.aliases.get(name) ?? name);
    const failed = (status: number, error: string) => ({ status, body: { status: { error }, time: 0 } });
    if (!space) return failed(404, `Not found: Collection ${name} doesn't exist!`);
    try {
      const result = answerPoints(space, method, rest === "" ? "" : `/${rest}`, JSON.parse(body!.toString()));
      return { status: 200, body: { result, status: "ok", time: 0 } };
    } catch (error) {
      if (error instanceof Refused) return failed(error.status, error.message);
      throw error;
    }
  }

  /** Qdrant's driver, whose control face is this store. Changes of the cluster take a moment, and are not lost. */
  driver(dead: () => boolean): VectorStoreDriver {
    const after = async <T>(work: () => T): Promise<T> => {
      await this.#clock.sleep(1 + this.#rng() * 5);
      if (dead()) await forever();
      return work();
    };
    const control = {
      health: () => after(() => ({ ok: true, latencyUs: 1_000 })),
      listCollections: () => after(() => [...this.collections.keys()]),
      collectionInfo: (name: string) => after(() => this.#info(name)),
      createCollection: (name: string, { size }: { size: number }, sharding?: { byKey: boolean }) =>
        after(() => void this.create(name, sharding?.byKey ?? false, size)),
      deleteCollection: (name: string) =>
        after(() => {
          for (const [alias, collection] of this.aliases) if (collection === name) this.aliases.delete(alias);
          return this.collections.delete(name);
        }),
      createPayloadIndex: () => after(() => undefined),
      listAliases: () => after(() => Array.from(this.aliases, ([alias, collection]) => ({ alias, collection }))),
      updateAliases: (actions: ({ create: { alias: string; collection: string } } | { delete: { alias: string } })[]) =>
        after(() => {
          for (const action of actions)
            if ("delete" in action) this.aliases.delete(action.delete.alias);
            else this.aliases.set(action.create.alias, action.create.collection);
        }),
      cluster: {
        peer: () => after(() => ({ peerId: 1 })),
        collection: (name: string) =>
          after(() => ({ replicas: Array.from(this.collections.get(name)!.shards.values(), ({ key }) => ({ key })) })),
        createShardKey: (name: string, { key }: { key: string }) =>
          after(() => {
            const { shards } = this.collections.get(name)!;
            shards.set(shards.size, { key });
          }),
      },
    };
    return { ...qdrant, control: () => control as unknown as StoreControl };
  }

  #info(name: string) {
    const space = this.collections.get(this.aliases.get(name) ?? name);
    return space && { size: space.size, distance: space.distance, status: "green", pointsCount: 0, indexedPayloadFields: [] };
  }
}

function forever(): Promise<never> {
  return new Promise(() => {});
}
