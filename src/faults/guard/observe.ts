import type { ClusterConfig } from "../../config/schema.ts";
import type { Runtime } from "../../runtime.ts";
import { statusDeps } from "../../status/connect.ts";
import type { StatusDeps } from "../../status/collect.ts";
import type { ClusterControl, PeerView, StoreControl } from "../../stores/contract.ts";
import { activeFaults } from "./active.ts";
import type { Observation } from "./contract.ts";
import type { NativeView } from "./native.ts";

const healthMs = 2_000;

/** Asks every node, every table and the cache, all at once; a node that is silent is asked twice. Changes nothing. */
export async function observe(cluster: ClusterConfig, runtime: Runtime): Promise<Observation> {
  const deps = await statusDeps(cluster, runtime);
  const { signal } = runtime;
  const controls = await Promise.all(cluster.nodes.map(async (node) => ({ id: node.id, control: await deps.control(node) })));
  const answers = async (control: StoreControl) =>
    (await control.health({ timeoutMs: healthMs, signal })).ok || (await control.health({ timeoutMs: healthMs, signal })).ok;
  const [healths, tables, cacheProblem] = await Promise.all([
    Promise.all(controls.map(({ control }) => answers(control))),
    deps.tables(),
    askCaches(deps, [undefined, ...Object.keys(cluster.cache?.zones ?? {})]),
  ]);
  const heard = controls.filter((_, index) => healths[index]);
  const native = cluster.topology === "native" ? await nativeView(heard, signal) : undefined;
  return {
    silent: controls.flatMap(({ id }, index) => (healths[index] ? [] : [id])),
    tables,
    ...activeFaults(cluster, runtime),
    ...(native && { native }),
    ...(cacheProblem !== undefined && { cacheProblem }),
  };
}

/** @returns what is wrong with the first of them that does not answer. @param zones whose own; undefined: that of the others */
async function askCaches(deps: StatusDeps, zones: readonly (string | undefined)[]): Promise<string | undefined> {
  const problems = await Promise.all(zones.map((zone) => askCache(deps, zone)));
  return problems.find((problem) => problem !== undefined);
}

async function askCache(deps: StatusDeps, zone: string | undefined): Promise<string | undefined> {
  const cache = await deps.cache(zone);
  try {
    await cache?.ping();
    return undefined;
  } catch (error) {
    return (error as Error).message;
  } finally {
    await cache?.close();
  }
}

type Heard = { id: string; control: StoreControl };

/** Undefined where the store's cluster mode is off: then every node stands alone, and nothing is known of shards. */
async function nativeView(heard: readonly Heard[], signal: AbortSignal): Promise<NativeView | undefined> {
  const options = { timeoutMs: healthMs, signal };
  const asked = await Promise.all(
    heard.map(async ({ id, control }) => {
      const view = await control.cluster?.peer(options).catch(orUndefined(signal));
      return view && control.cluster ? { id, control, cluster: control.cluster, view } : undefined;
    }),
  );
  const peers = asked.filter((peer) => peer !== undefined);
  const first = peers[0];
  if (!first) return undefined;
  const names = await first.control.listCollections();
  return {
    voters: votersOf(peers.map(({ view }) => view)),
    peerOf: new Map(peers.map(({ id, view }) => [id, view.peerId])),
    collections: (await Promise.all(names.map((name) => collectionOf(name, first.cluster, options)))).flat(),
  };
}

/** Every member votes unless it says of itself that it does not. */
function votersOf(views: readonly PeerView[]): number[] {
  const learners = new Set(views.flatMap(({ peerId, voter }) => (voter ? [] : [peerId])));
  const members = views[0]!.peers.map(({ peerId }) => peerId);
  return members.filter((peer) => !learners.has(peer));
}

async function collectionOf(name: string, control: ClusterControl, options: { timeoutMs: number; signal: AbortSignal }) {
  const view = await control.collection(name, options);
  return view ? [{ name, view }] : [];
}

function orUndefined(signal: AbortSignal) {
  return (): undefined => {
    signal.throwIfAborted();
    return undefined;
  };
}
