import { nativeBalance } from "../native/loads.ts";
import type { ObservedNative } from "../native/contract.ts";
import { cellKey } from "../native-table.ts";
import { layoutName, type PartitionerSpec, type SemanticSpec } from "../table.ts";
import type { Balance, CellShards, ExpectedSearch, Fingerprint, Layout, Plan, RekeyStep } from "./contract.ts";
import { fingerprintOf } from "./fingerprint.ts";
import { placeCells } from "./place-cells.ts";
import { secondsAt, type MaxRate } from "./price.ts";

export interface RekeyRequest {
  planId: string;
  /** ISO 8601. */
  createdAt: string;
  cluster: string;
  collection: string;
  observed: ObservedNative;
  /** How the store places points now; `byKey` false: by their ids. */
  sharding: RekeyStep["sharding"];
  from: PartitionerSpec;
  to: PartitionerSpec;
  /** Points of each new cell, of any unit. */
  newCells?: readonly number[];
  heat?: readonly number[];
  /** Of a reverse: where the keys were. */
  keys?: readonly CellShards[];
  toSharding?: RekeyStep["sharding"];
  maxRate: MaxRate;
  expected?: ExpectedSearch;
}

/** What a plan for a native collection is made for: the config's nodes, how its points are placed, and its copies. */
export function rekeyFingerprint({ nodes }: Pick<ObservedNative, "nodes">, from: PartitionerSpec, replicas: number): Fingerprint {
  const members = nodes.map(({ id, weight, zone }) => (zone === undefined ? { id, weight } : { id, weight, zone }));
  // The number of probed cells moves nothing.
  const partitioner = from.kind === "semantic" ? withoutProbes(from) : from;
  const made = fingerprintOf({ members: members.toSorted((a, b) => (a.id < b.id ? -1 : 1)), partitioner, replicas });
  return { ...made, partitioner: from };
}

/** Nor does who holds which cell belong to it: the store's shards may be moved meanwhile. */
function withoutProbes({ probes: _asked, owners: _held, ...rest }: SemanticSpec): SemanticSpec {
  return rest;
}

/** Nodes for each cell: one shard a key, with as many copies as the collection has. */
function placedKeys(
  { observed, newCells, heat, to }: Pick<RekeyRequest, "observed" | "newCells" | "heat" | "to">,
  replicas: number,
): CellShards[] {
  if (to.kind !== "semantic") return [];
  const cells = to.centroids.length;
  const sizes = newCells ?? Array.from({ length: cells }, () => 1);
  const total = sizes.reduce((sum, size) => sum + size, 0) || 1;
  const { points, bytes } = totalOf(observed);
  const members = observed.nodes
    .filter(({ alive }) => alive)
    .map(({ id, weight, zone }) => (zone === undefined ? { id, weight } : { id, weight, zone }));
  const owners = placeCells({
    members,
    replicas: Math.min(replicas, members.length),
    hash: to.hash,
    sizes,
    ...(heat && { heat }),
  });
  return owners.map((on, cell) => ({
    key: cellKey(cell),
    on,
    points: Math.round((points * sizes[cell]!) / total),
    bytes: Math.round((bytes * sizes[cell]!) / total),
  }));
}

/**
 * The plan that makes a native collection anew, its cells as shard keys (or its points by their ids again), copies everything and switches.
 * `loadHashes()` must have been awaited.
 */
export function planRekey(request: RekeyRequest): Plan {
  const { observed, from, to, planId, collection, sharding, maxRate, expected } = request;
  const { replicas } = sharding;
  const same = from.kind === "semantic" && to.kind === "semantic" ? from.modelId === to.modelId : from.kind === to.kind;
  const probesOf = (spec: PartitionerSpec) => (spec.kind === "semantic" ? spec.probes : undefined);
  const keys = request.keys ? [...request.keys] : placedKeys(request, replicas);
  const { points, bytes } = totalOf(observed);
  const live = observed.nodes.filter(({ alive }) => alive).length;
  const price = { points: points * replicas, bytes: bytes * replicas };
  const step: RekeyStep = {
    id: "rekey",
    kind: "rekey",
    physical: layoutName(collection, planId),
    partitioner: to,
    sharding: request.toSharding ?? { byKey: to.kind === "semantic", shards: to.kind === "semantic" ? 1 : live, replicas },
    keys,
    was: { sharding, keys: keysNow(observed) },
    copiesDuring: replicas,
    ...price,
  };
  const layout: Layout = {
    partitioner: to,
    replicas,
    members: observed.nodes.map(({ id }) => id),
    nodes: Object.fromEntries(
      observed.nodes.map(({ id, url = "http://unknown.invalid", weight, zone }) => [
        id,
        { url, weight, ...(zone === undefined ? {} : { zone }) },
      ]),
    ),
  };
  const settle = { id: "settle", kind: "settle", layout } as const;
  const probesChange = probesOf(from) !== probesOf(to);
  const before = balanceNow(observed);
  return {
    schemaVersion: 1,
    kind: "rebalance",
    planId,
    createdAt: request.createdAt,
    cluster: request.cluster,
    topology: "native",
    collection,
    offline: false,
    fingerprint: rekeyFingerprint(observed, from, replicas),
    steps: same ? (probesChange ? [settle] : []) : [step, settle],
    price: {
      ...(same ? { points: 0, bytes: 0 } : price),
      movedFraction: same ? 0 : 1,
      primaryChangedFraction: 0,
      minimumFraction: same ? 0 : 1,
      estimatedSeconds: same ? 0 : secondsAt({ points, bytes }, 1, maxRate),
    },
    before,
    predicted: same ? before : keys.length > 0 ? balanceOfKeys(observed, keys) : before,
    ...(expected && { expected }),
  };
}

function totalOf({ shards }: ObservedNative): { points: number; bytes: number } {
  return {
    points: shards.reduce((sum, shard) => sum + shard.points, 0),
    bytes: shards.reduce((sum, shard) => sum + shard.bytes, 0),
  };
}

function keysNow({ shards }: ObservedNative): CellShards[] {
  return shards.flatMap(({ key, replicas, points, bytes }) =>
    key === undefined ? [] : [{ key: String(key), on: replicas.map(({ node }) => node), points, bytes }],
  );
}

function balanceNow({ shards, nodes }: ObservedNative): Balance {
  const holders = new Map(shards.map(({ id, replicas }) => [id, replicas.map(({ node }) => node)]));
  return nativeBalance(shards, holders, nodes, new Set(nodes.map(({ id }) => id)));
}

function balanceOfKeys({ nodes }: ObservedNative, keys: readonly CellShards[]): Balance {
  const shards = keys.map(({ points, bytes }, id) => ({ id, points, bytes, replicas: [] }));
  const holders = new Map(keys.map(({ on }, id) => [id, on]));
  return nativeBalance(shards, holders, nodes, new Set(nodes.map(({ id }) => id)));
}
