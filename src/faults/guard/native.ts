import { ownersToAsk } from "../../sharding/cover.ts";
import type { CollectionView } from "../../stores/contract.ts";
import type { BlastRadius, CollectionRadius, Part } from "./result.ts";
import type { Blow } from "./routed.ts";

/** What a native cluster's peers say, as far as guards need it. */
export interface NativeView {
  /** Every voting peer that the cluster has, configured here or not. */
  voters: number[];
  /** Node of the config → its peer; a node that was not heard has none. */
  peerOf: ReadonlyMap<string, number>;
  collections: { name: string; view: Pick<CollectionView, "shardCount" | "replicas" | "transfers"> }[];
}

/** Peers that stay: what a majority is needed of. Pure. */
export function consensusAfter(view: NativeView, gone: readonly string[]): NonNullable<BlastRadius["consensus"]> {
  const silent = new Set(gone.map((node) => view.peerOf.get(node)));
  // A peer that no configured node answers for cannot be vouched for.
  const heard = new Set(view.peerOf.values());
  const left = view.voters.filter((peer) => heard.has(peer) && !silent.has(peer)).length;
  return { peers: view.voters.length, left, needed: Math.floor(view.voters.length / 2) + 1 };
}

/**
 * What a blow to nodes would do to one collection that the store shards by itself: a shard is served by its active replicas. Pure.
 */
export function nativeRadius(
  { name, view }: NativeView["collections"][number],
  { peerOf }: Pick<NativeView, "peerOf">,
  { nodes: hit, silences, down, level }: Blow,
): CollectionRadius {
  const nodeOf = new Map([...peerOf].map(([node, peer]) => [peer, node]));
  const [takes, isDown] = [new Set(hit), new Set(down)];
  const shards = Map.groupBy(view.replicas, ({ shardId }) => shardId);
  const affected: number[] = [];
  const unserved: number[] = [];
  const last = new Set<string>();
  const reads = new Map<string, { before: number; after: number }>();
  let needed = 1;
  for (const [shardId, replicas] of shards) {
    const serving = replicas
      .filter(({ state }) => state === "Active")
      .flatMap(({ peerId }) => nodeOf.get(peerId) ?? [])
      .filter((node) => !isDown.has(node));
    const left = silences ? serving.filter((node) => !takes.has(node)) : serving;
    const wanted = ownersToAsk(level, replicas.length);
    needed = Math.max(needed, wanted);
    share(serving, "before", serving.length);
    share(left, "after", left.length);
    if (!serving.some((node) => takes.has(node))) continue;
    affected.push(shardId);
    if (!silences || left.length >= wanted) continue;
    unserved.push(shardId);
    for (const node of serving) if (takes.has(node)) last.add(node);
  }
  const part = (ids: number[]): Part => ({
    share: shards.size === 0 ? 0 : ids.length / shards.size,
    ...(ids.length > 0 && { shards: ids.toSorted((a, b) => a - b) }),
  });
  return {
    collection: name,
    needed,
    affected: part(affected),
    unserved: part(unserved),
    lastOwners: [...last].toSorted(),
    reads: [...reads.keys()].toSorted().map((node) => ({ node, before: reads.get(node)!.before, after: reads.get(node)!.after })),
    // Every search asks every shard, through the node that the client chose.
    queries: { asking: affected.length > 0 ? 1 : 0, failing: unserved.length > 0 ? 1 : 0 },
  };

  function share(nodes: readonly string[], when: "before" | "after", among: number): void {
    for (const node of nodes) {
      const row = reads.get(node) ?? { before: 0, after: 0 };
      row[when] += 1 / among / shards.size;
      reads.set(node, row);
    }
  }
}
