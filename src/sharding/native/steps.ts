import type { ShardStep } from "../plan/contract.ts";
import type { NativeNode, NativeReplica, NativeShard, ObservedNative } from "./contract.ts";

/**
 * Who holds a shard once its transfers have ended: what a plan starts from, and what tells whether it is stale. Listeners do
 * not count: they take writes in and answer nothing.
 */
export function holdersOf({ id, replicas }: NativeShard, transfers: ObservedNative["transfers"]): string[] {
  const leaving = new Set(transfers.filter(({ shardId, sync }) => shardId === id && !sync).map(({ from }) => from));
  const coming = transfers.filter(({ shardId }) => shardId === id).map(({ to }) => to);
  const there = replicas.filter(({ node, state }) => state !== "Listener" && !leaving.has(node)).map(({ node }) => node);
  return [...new Set([...there, ...coming])].toSorted();
}

/** Replicas that serve: Active, on a node that answers. */
export function servingOf(shard: NativeShard, nodes: ReadonlyMap<string, NativeNode>): NativeReplica[] {
  return shard.replicas.filter(({ node, state }) => state === "Active" && nodes.get(node)?.alive === true);
}

export interface ShardChange {
  shard: NativeShard;
  /** Who holds it now (`holdersOf`). */
  from: readonly string[];
  to: readonly string[];
  /** Holders in both whose copy is dead and must be made again. */
  heal: readonly string[];
}

type Draft = Omit<ShardStep, "id">;

/**
 * The steps that bring one shard from its holders to others, so that at each moment no fewer replicas serve than before:
 * copies are made again, then added, then moved, and only then is anything dropped. An added copy takes the place of one that
 * goes where that one serves; of several, of the one in the same zone.
 * @returns undefined where copies are needed and no replica serves to make them from
 */
export function shardSteps({ shard, from, to, heal }: ShardChange, nodes: ReadonlyMap<string, NativeNode>): Draft[] | undefined {
  const serving = servingOf(shard, nodes).map(({ node }) => node);
  const added = to.filter((id) => !from.includes(id)).toSorted();
  const gone = from.filter((id) => !to.includes(id)).toSorted();
  if (serving.length === 0 && (added.length > 0 || heal.length > 0)) return undefined;
  const amount = { points: shard.points, bytes: shard.bytes };
  let copies = serving.length;
  const steps: Draft[] = [];
  const moves: Draft[] = [];
  const movable = gone.filter((id) => serving.includes(id));
  const sources = serving.filter((id) => !movable.includes(id));
  const zone = (id: string) => nodes.get(id)?.zone;
  const nearest = (among: readonly string[], node: string) => among.find((id) => zone(id) === zone(node)) ?? among[0];

  for (const node of [...heal].toSorted()) {
    const source = nearest(sources, node) ?? nearest(serving, node)!;
    steps.push({ kind: "replicate-shard", shardId: shard.id, from: source, to: node, ...amount, copiesDuring: copies });
    copies++;
  }
  // Pairs within a zone first, so that the others do not take their partners.
  const unpaired: string[] = [];
  const pair = (target: string, source: string) => {
    movable.splice(movable.indexOf(source), 1);
    moves.push({ kind: "move-shard", shardId: shard.id, from: source, to: target, ...amount, copiesDuring: 0 });
  };
  for (const target of added) {
    const source = movable.find((id) => zone(id) === zone(target));
    if (source !== undefined) pair(target, source);
    else unpaired.push(target);
  }
  for (const target of unpaired) {
    if (movable[0] !== undefined) pair(target, movable[0]);
    else {
      const source = nearest(sources, target) ?? nearest(serving, target)!;
      steps.push({ kind: "replicate-shard", shardId: shard.id, from: source, to: target, ...amount, copiesDuring: copies });
      copies++;
    }
  }
  for (const move of moves) steps.push({ ...move, copiesDuring: copies });
  for (const node of gone.filter((id) => !moves.some(({ from }) => from === id))) {
    if (serving.includes(node)) copies--;
    steps.push({ kind: "drop-replica", shardId: shard.id, from: node, ...amount, copiesDuring: copies });
  }
  return steps;
}
