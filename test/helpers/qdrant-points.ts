import { compileFilter } from "../../src/node/filter.ts";
import { rankAt, scoreOfRank, writeVector } from "../../src/node/distance.ts";
import type { Distance } from "../../src/stores/contract.ts";

/**
 * The points of a stand-in for a Qdrant cluster: shards of one collection, chosen by the hash of an id (`auto`) or by the key that a request names
 * (`custom`), as Qdrant's documentation has it: ids are unique within a key alone; a write without a key is refused; a read without one
 * asks all shards.
 */
type Id = number | string;
export type Key = number | string;
interface HeldPoint {
  id: Id;
  vector: Float32Array;
  payload: Record<string, unknown>;
}
/** A point as a read meets it. */
interface Met {
  point: HeldPoint;
  key: Key | undefined;
  rank?: number;
}
export interface PointShard {
  key?: Key;
  data?: Map<Id, HeldPoint>;
  /** Searches that asked it. */
  searches?: number;
}
export interface PointSpace {
  name: string;
  custom: boolean;
  size: number;
  distance: Distance;
  shards: Map<number, PointShard>;
}
export class Refused extends Error {
  readonly status: number;
  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

type Body = Record<string, any>;

/** The shards that a read asks: all of them, or those of the keys. */
function readShards({ shards, custom }: PointSpace, selector: unknown): PointShard[] {
  if (selector === undefined || selector === null) return [...shards.values()];
  return keyed([...shards.values()], selector, custom);
}

function keyed(shards: PointShard[], selector: unknown, custom: boolean): PointShard[] {
  const keys = Array.isArray(selector) ? (selector as Key[]) : [selector as Key];
  return keys.flatMap((key) => {
    const found = custom ? shards.filter((shard) => shard.key === key) : [];
    if (found.length === 0) throw new Refused(400, `Bad request: Shard key ${key} not found`);
    return found;
  });
}

/** The groups of shards that a write goes to: one a key; each point lies in one shard of a group. */
function writeGroups({ shards, custom }: PointSpace, selector: unknown): PointShard[][] {
  const all = [...shards.values()];
  if (!custom) {
    if (selector !== undefined && selector !== null)
      throw new Refused(400, `Wrong input: Shard key ${JSON.stringify(selector)} not found`);
    return [all];
  }
  if (selector === undefined || selector === null) throw new Refused(400, "Wrong input: Shard key not specified");
  const keys = Array.isArray(selector) ? (selector as Key[]) : [selector as Key];
  return keys.map((key) => keyed(all, key, true));
}

function shardOf(group: PointShard[], id: Id): PointShard {
  let hash = 0;
  for (const char of String(id)) hash = (hash * 31 + char.charCodeAt(0)) >>> 0;
  return group[hash % group.length]!;
}

function matcher(points: HeldPoint[], filter: unknown): (at: number) => boolean {
  const labels = new Map(points.map(({ id }, at) => [id, at]));
  return (
    compileFilter(filter, {
      reader: (key) => (at) => points[at]!.payload[key],
      labelOf: (id) => labels.get(id),
    }) ?? (() => true)
  );
}

function chosen(shard: PointShard, filter: unknown): HeldPoint[] {
  const points = [...(shard.data?.values() ?? [])];
  const match = matcher(points, filter);
  return points.filter((_, at) => match(at));
}

const ascending = (a: Id, b: Id) => (typeof a === typeof b ? (a < b ? -1 : a > b ? 1 : 0) : typeof a === "number" ? -1 : 1);

/** Reads see each id once, whichever of its copies is met first. */
function once(points: Met[]): Met[] {
  return [...new Map(points.toReversed().map((each) => [each.point.id, each])).values()].toReversed();
}

function shown({ point: { id, vector, payload }, key }: Met, body: Body) {
  const wanted = body["with_payload"];
  const fields = Array.isArray(wanted)
    ? Object.fromEntries(Object.entries(payload).filter(([name]) => wanted.includes(name)))
    : wanted === true
      ? payload
      : undefined;
  return {
    id,
    ...(fields && { payload: structuredClone(fields) }),
    ...(body["with_vector"] === true && { vector: [...vector] }),
    ...(key !== undefined && { shard_key: key }),
  };
}

const written = { operation_id: 1, status: "completed" };

/** `/collections/{c}/points…`: the documented result, or `Refused`. */
export function answerPoints(space: PointSpace, method: string, rest: string, body: Body): unknown {
  const held = (shards: PointShard[], filter?: unknown): Met[] =>
    shards.flatMap((shard) => chosen(shard, filter).map((point): Met => ({ point, key: shard.key })));
  const selector: unknown = body["shard_key"];
  if (rest === "" && method === "PUT") {
    for (const group of writeGroups(space, selector))
      for (const { id, vector, payload } of body["points"] as { id: Id; vector: number[]; payload?: Record<string, unknown> }[]) {
        const shard = shardOf(group, id);
        shard.data ??= new Map();
        const there = shard.data.get(id);
        if (there && body["update_filter"] && !matcher([there], body["update_filter"])(0)) continue;
        const stored = new Float32Array(space.size);
        writeVector(vector, space.size, space.distance, stored);
        shard.data.set(id, { id, vector: stored, payload: structuredClone(payload ?? {}) });
      }
    return written;
  }
  if (rest === "/delete") {
    for (const group of writeGroups(space, selector))
      for (const shard of group) {
        const gone = body["points"] ? (body["points"] as Id[]) : chosen(shard, body["filter"]).map(({ id }) => id);
        for (const id of gone) shard.data?.delete(id);
      }
    return written;
  }
  const shards = readShards(space, selector);
  if (rest === "") {
    const ids = new Set(body["ids"] as Id[]);
    return once(held(shards).filter(({ point }) => ids.has(point.id))).map((each) => shown(each, body));
  }
  if (rest === "/count") return { count: held(shards, body["filter"]).length };
  if (rest === "/scroll") {
    const all = once(held(shards, body["filter"])).toSorted((a, b) => ascending(a.point.id, b.point.id));
    const from = body["offset"] === undefined ? all : all.filter(({ point }) => ascending(point.id, body["offset"]) >= 0);
    const limit = (body["limit"] as number | undefined) ?? 10;
    return {
      points: from.slice(0, limit).map((each) => shown(each, body)),
      next_page_offset: from[limit]?.point.id ?? null,
    };
  }
  if (rest === "/query") {
    for (const shard of shards) shard.searches = (shard.searches ?? 0) + 1;
    const query = new Float32Array(space.size);
    writeVector(body["query"], space.size, space.distance, query);
    const ranked = held(shards, body["filter"])
      .map(({ point, key }) => ({ point, key, rank: rankAt(space.distance, query, point.vector, 0) }))
      .toSorted((a, b) => b.rank - a.rank || ascending(a.point.id, b.point.id));
    const limit = (body["limit"] as number | undefined) ?? 10;
    return {
      points: once(ranked)
        .slice(0, limit)
        .map((met) => Object.assign(shown(met, body), { version: 0, score: scoreOfRank(space.distance, met.rank!) })),
    };
  }
  throw new Error(`the stand-in knows no ${method} points${rest}`);
}
