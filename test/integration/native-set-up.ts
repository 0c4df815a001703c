import { storeDrivers } from "../../src/stores/index.ts";
import {
  defaultTiming,
  observeNative,
  type NativeAccess,
  type NativeRunDeps,
  type NativeTiming,
} from "../../src/migration/native/index.ts";
import { alwaysCalm, unlimited } from "../../src/migration/contract.ts";
import { planNative, type NativeGoal, type NativePlan } from "../../src/sharding/native/index.ts";
import type { Plan } from "../../src/sharding/plan/contract.ts";
import type { Clock } from "../../src/runtime.ts";
import type { QdrantStandIn } from "../helpers/qdrant-cluster.ts";

/** Nodes `q1`, `q2`, … at these addresses. */
export function accessTo(
  urls: readonly string[],
  { clock, collection, zones = [], apiKey }: { clock: Clock; collection: string; zones?: readonly string[]; apiKey?: string },
): NativeAccess {
  return {
    cluster: "test",
    collection,
    clock,
    nodes: urls.map((url, index) => {
      const id = `q${index + 1}`;
      const control = storeDrivers.qdrant.control({ id, url, ...(apiKey !== undefined && { apiKey }) });
      const zone = zones[index];
      return { id, url, weight: 1, ...(zone !== undefined && { zone }), control: { ...control, cluster: control.cluster! } };
    }),
  };
}

export function accessOf(cluster: QdrantStandIn, zones?: readonly string[]): NativeAccess {
  const urls = cluster.peers.map(({ url }) => url);
  return accessTo(urls, { clock: cluster.clock, collection: cluster.collection, ...(zones && { zones }) });
}

export async function planFor(access: NativeAccess, goal?: NativeGoal): Promise<Plan> {
  return planOf(access, planNative(await observeNative(access), goal));
}

export function planOf(access: NativeAccess, parts: NativePlan): Plan {
  return {
    schemaVersion: 1,
    kind: "shard",
    planId: "plan-1",
    createdAt: "2026-01-01T00:00:00.000Z",
    cluster: access.cluster,
    topology: "native",
    collection: access.collection,
    offline: false,
    ...parts,
  };
}

/** The times of a run against the stand-in, whose clock makes them free. */
const quick: NativeTiming = { ...defaultTiming, patienceMs: 30_000, stallMs: 60_000, settleMs: 5_000, waitSec: 5 };

export function depsOf(access: NativeAccess, more: Partial<NativeRunDeps> = {}): NativeRunDeps {
  return {
    access,
    journal: { record: () => {} },
    fence: { ensure: () => {}, leaveUnclean: () => {} },
    throttle: unlimited,
    governor: alwaysCalm,
    concurrency: 1,
    timing: quick,
    signal: new AbortController().signal,
    hardSignal: new AbortController().signal,
    note: () => {},
    onProgress: () => {},
    ...more,
  };
}
