import { TransportError, type HttpAnswer, type NodePool, type PreparedRequest } from "../../../src/http/contract.ts";
import type { Rng } from "../../../src/runtime.ts";
import {
  defaultCapabilities,
  type DataFace,
  type Filter,
  type Hit,
  type Payload,
  type Point,
  type PointId,
  type SearchOptions,
  type StoreControl,
  type VectorStoreDriver,
} from "../../../src/stores/contract.ts";
import type { EventClock } from "./event-clock.ts";

/** How the simulated network treats a message. Probabilities, and milliseconds. */
export interface Weather {
  usualDelayMs: number;
  /** A message or an answer that takes long, up to `slowMs`, and comes in time all the same. */
  slowShare: number;
  slowMs: number;
  /** A message that arrives after its sender has given up: up to `latestMs` after it was sent. */
  lateShare: number;
  latestMs: number;
  lostAnswerShare: number;
}
const calm: Weather = { usualDelayMs: 3, slowShare: 0, slowMs: 0, lateShare: 0, latestMs: 0, lostAnswerShare: 0 };

/** One simulated vector store: points in memory that survive a crash, and three ways to be: up, down (refuses), frozen (holds messages). */
export class SimNode {
  readonly id: string;
  state: "up" | "down" | "frozen" = "up";
  /** So many requests more it refuses with this status, having done nothing. */
  refusals = { count: 0, status: 429 };
  /** Answers come so much later. */
  delayMs = 0;
  /** It does one request after the other, and needs so long for each; 0: no time, and any number at once. */
  serviceMs = 0;
  /** When it will have done all that it was sent. */
  busyUntilMs = 0;
  /** Requests that have reached it. */
  arrived = 0;
  readonly collections = new Map<string, Map<PointId, Point>>();
  /** Collections that were there, and are gone: whoever still asks for them is told so. */
  readonly dropped = new Set<string>();
  /** What else its collections are called. */
  readonly aliases = new Map<string, string>();
  /** Messages that wait for a frozen node to thaw. */
  held: (() => void)[] = [];
  /** Requests that it has, and has not answered: a crash cuts them off. */
  readonly cutOff = new Set<() => void>();

  constructor(id: string) {
    this.id = id;
  }

  points(collection: string): Map<PointId, Point> {
    let points = this.collections.get(collection);
    if (!points) this.collections.set(collection, (points = new Map()));
    return points;
  }

  drop(collection: string): void {
    this.collections.delete(collection);
    this.dropped.add(collection);
  }

  crash(): void {
    this.state = "down";
    this.held = [];
    for (const cut of this.cutOff) cut();
    this.cutOff.clear();
  }

  freeze(): void {
    if (this.state === "up") this.state = "frozen";
  }

  recover(): void {
    this.state = "up";
    for (const message of this.held.splice(0)) message();
  }
}

type Message =
  | { op: "upsert"; collection: string; points: Point[]; onlyIf?: Filter }
  | { op: "delete"; collection: string; ids: PointId[] }
  | { op: "delete-by-filter"; collection: string; filter: Filter }
  | { op: "set-payload"; collection: string; filter: Filter; payload: Payload }
  | { op: "fetch"; collection: string; ids: PointId[] }
  | { op: "search"; collection: string; vector: number[]; options: SearchOptions }
  | { op: "count"; collection: string; filter?: Filter }
  | { op: "scroll"; collection: string; filter?: Filter; limit: number; offset?: PointId };

/** A whole simulated network: nodes, and what makes clients of it. */
export class SimNetwork {
  readonly nodes: Map<string, SimNode>;
  weather: Weather = calm;
  /** How long each message takes, in the place of the weather. */
  delayOf: (() => number) | undefined;
  readonly #clock: EventClock;
  readonly #rng: Rng;

  constructor(ids: readonly string[], clock: EventClock, rng: Rng) {
    this.nodes = new Map(ids.map((id) => [id, new SimNode(id)]));
    this.#clock = clock;
    this.#rng = rng;
  }

  /** A pool to the node whose URL is `http://<id>`. `dead()`: the client's process is gone, so it hears nothing any more. */
  pool(origin: string, dead: () => boolean = () => false): NodePool {
    const node = this.nodes.get(new URL(origin).hostname)!;
    return {
      origin,
      inFlight: 0,
      send: (request, { timeoutMs }) => this.#send(node, request, timeoutMs, dead),
      close: () => Promise.resolve(),
    };
  }

  #send(node: SimNode, request: PreparedRequest, timeoutMs: number, dead: () => boolean): Promise<HttpAnswer> {
    const clock = this.#clock;
    const sentUs = clock.monotonicUs();
    return new Promise((resolve, reject) => {
      // A dead process sends nothing more; what it has sent travels on.
      if (dead()) return;
      const settle = (act: () => void) => {
        cancelTimeout();
        node.cutOff.delete(cut);
        if (!dead()) act();
      };
      const cancelTimeout = clock.after(timeoutMs, () =>
        settle(() => reject(new TransportError("timeout", "no answer in time", true))),
      );
      const cut = () => settle(() => reject(new TransportError("reset", "connection reset", true)));
      if (node.state === "down") {
        clock.after(this.#delay(), () => settle(() => reject(new TransportError("connect", "connection refused", false))));
        return;
      }
      node.cutOff.add(cut);
      const arrive = () => {
        if (node.state === "down") return;
        if (node.state === "frozen") return void node.held.push(arrive);
        node.arrived++;
        const { refusals } = node;
        if (refusals.count > 0) {
          refusals.count--;
          const refusal = { status: refusals.status, headers: { "retry-after": "0.2" }, body: Buffer.alloc(0), sentUs };
          clock.after(this.#delay(), () => settle(() => resolve({ ...refusal, endUs: clock.monotonicUs() })));
          return;
        }
        const message = JSON.parse(request.body!.toString()) as Message;
        message.collection = node.aliases.get(message.collection) ?? message.collection;
        if (node.dropped.has(message.collection)) {
          const refusal = { status: 404, headers: {}, body: Buffer.alloc(0), sentUs };
          clock.after(this.#delay(), () => settle(() => resolve({ ...refusal, endUs: clock.monotonicUs() })));
          return;
        }
        const body = Buffer.from(JSON.stringify(apply(node, message)));
        if (this.#rng() < this.weather.lostAnswerShare) return;
        node.busyUntilMs = Math.max(node.busyUntilMs, clock.nowMs()) + node.serviceMs;
        const queuedMs = node.busyUntilMs - clock.nowMs();
        clock.after(queuedMs + node.delayMs + this.#delay(), () =>
          settle(() => resolve({ status: 200, headers: {}, body, sentUs, endUs: clock.monotonicUs() })),
        );
      };
      const late = this.#rng() < this.weather.lateShare;
      clock.after(late ? timeoutMs + this.#rng() * (this.weather.latestMs - timeoutMs) : this.#delay(), arrive);
    });
  }

  #delay(): number {
    if (this.delayOf) return this.delayOf();
    const { usualDelayMs, slowShare, slowMs } = this.weather;
    return this.#rng() * (this.#rng() < slowShare ? slowMs : usualDelayMs);
  }

  /** A driver whose requests are JSON, for `connectCluster`'s internals. */
  driver(dead: () => boolean = () => false): VectorStoreDriver {
    return {
      name: "sim",
      capabilities: { ...defaultCapabilities, maxBatch: 3, supportsConditionalUpsert: true },
      headers: () => ({}),
      data: simFace,
      control: ({ url }) => this.#control(this.nodes.get(new URL(url).hostname)!, dead),
    };
  }

  #control(node: SimNode, dead: () => boolean): StoreControl {
    const notSimulated = () => Promise.reject(new Error("not simulated"));
    return {
      health: async () => {
        await this.#clock.sleep(this.#delay());
        if (dead()) await new Promise(() => undefined);
        return { ok: node.state === "up" };
      },
      listCollections: () => Promise.resolve([...node.collections.keys()]),
      collectionInfo: notSimulated,
      createCollection: notSimulated,
      deleteCollection: notSimulated,
      createPayloadIndex: notSimulated,
      updateAliases: notSimulated,
      listAliases: notSimulated,
      clusterEnabled: () => Promise.resolve(false),
    };
  }
}

function apply(node: SimNode, message: Message): unknown {
  const points = node.points(message.collection);
  switch (message.op) {
    case "upsert":
      for (const point of message.points) {
        const there = points.get(point.id);
        if (!there || !message.onlyIf || matches(there, message.onlyIf)) points.set(point.id, point);
      }
      return {};
    case "delete-by-filter":
      for (const [id, point] of points) if (matches(point, message.filter)) points.delete(id);
      return {};
    case "set-payload":
      for (const [id, point] of points)
        if (matches(point, message.filter)) points.set(id, { ...point, payload: { ...point.payload, ...message.payload } });
      return {};
    case "delete":
      for (const id of message.ids) points.delete(id);
      return {};
    case "fetch":
      return message.ids.flatMap((id) => points.get(id) ?? []);
    case "search":
      return [...points.values()]
        .filter((point) => matches(point, message.options.filter))
        .map(({ id, vector, payload }): Hit => ({ id, payload: payload ?? {}, score: dot(vector!, message.vector) }))
        .sort((a, b) => b.score - a.score)
        .slice(0, message.options.k);
    case "count":
      return [...points.values()].filter((point) => matches(point, message.filter)).length;
    case "scroll": {
      const { offset, limit } = message;
      const sorted = [...points.values()]
        .filter((point) => matches(point, message.filter))
        .sort((a, b) => (a.id < b.id ? -1 : 1));
      const from = offset === undefined ? 0 : sorted.findIndex(({ id }) => id >= offset);
      const page = from < 0 ? [] : sorted.slice(from, from + limit);
      const next = from < 0 ? undefined : sorted[from + limit]?.id;
      return next === undefined ? { points: page } : { points: page, next };
    }
  }
}

function matches(point: Point, filter: Filter | undefined): boolean {
  const holds = (condition: NonNullable<Filter["must"]>[number]): boolean => {
    if ("range" in condition) {
      const value = point.payload?.[condition.key] as number;
      return value >= (condition.range.gte ?? -Infinity) && value < (condition.range.lt ?? Infinity);
    }
    if ("has_id" in condition) return condition.has_id.includes(point.id);
    if ("is_empty" in condition) return point.payload?.[condition.is_empty.key] === undefined;
    if ("match" in condition && "value" in condition.match) return point.payload?.[condition.key] === condition.match.value;
    if ("match" in condition && "any" in condition.match)
      return condition.match.any.some((one) => one === point.payload?.[condition.key]);
    if ("should" in condition || "must" in condition) return matches(point, condition);
    throw new Error(`not simulated: ${JSON.stringify(condition)}`);
  };
  return (filter?.must ?? []).every(holds) && (!filter?.should || filter.should.some(holds));
}

function dot(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
  return sum;
}

function simFace(collection: string): DataFace {
  const request = (message: Message, kind: "read" | "write"): PreparedRequest => ({
    method: "POST",
    path: "/",
    headers: [],
    body: Buffer.from(JSON.stringify(message)),
    kind,
  });
  // oxlint-disable-next-line typescript/no-explicit-any -- each caller knows what it asked for
  const parse = (body: Buffer): any => JSON.parse(body.toString());
  return {
    prepareSearch: (vector, options) => request({ op: "search", collection, vector: [...vector], options }, "read"),
    parseSearch: parse,
    prepareUpsert: (points, { onlyIf }) =>
      request(
        {
          op: "upsert",
          collection,
          points: points.map((point) => Object.assign({}, point, { vector: [...point.vector!] })),
          ...(onlyIf && { onlyIf }),
        },
        "write",
      ),
    parseWrite: () => "applied",
    prepareFetch: (ids) => request({ op: "fetch", collection, ids: [...ids] }, "read"),
    parseFetch: parse,
    prepareCount: (filter) => request(filter ? { op: "count", collection, filter } : { op: "count", collection }, "read"),
    parseCount: parse,
    prepareScroll: ({ limit, filter, offset }) =>
      request(
        { op: "scroll", collection, limit, ...(filter ? { filter } : {}), ...(offset === undefined ? {} : { offset }) },
        "read",
      ),
    parseScroll: parse,
    prepareDelete(target) {
      if (!("ids" in target)) return request({ op: "delete-by-filter", collection, filter: target.filter }, "write");
      return request({ op: "delete", collection, ids: [...target.ids] }, "write");
    },
    prepareSetPayload(target, payload) {
      if ("ids" in target) throw new Error("not simulated");
      return request({ op: "set-payload", collection, filter: target.filter, payload }, "write");
    },
    failure: (status, _body, headers) => ({
      kind: status === 404 ? "fatal" : "retryable",
      status,
      message: `HTTP ${status}`,
      retryAfterMs: Number(headers?.["retry-after"]) * 1000,
      ...(status === 429 ? { notDone: true } : {}),
    }),
  };
}
