import { ExitCode, RagctlError, usageError, type Problem } from "../../errors.ts";
import type { ShardStep } from "../plan/contract.ts";
import { assign, type Bin, type Piece } from "../plan/assignment.ts";
import type { NativeGoal, NativeNode, NativePlan, NativeShard, ObservedNative } from "./contract.ts";
import { nativeFingerprint } from "./fingerprint.ts";
import { nativeBalance } from "./loads.ts";
import { priceOf } from "./price.ts";
import { holdersOf, servingOf, shardSteps } from "./steps.ts";

/**
 * Plans whole shards and replicas of a store that shards by itself. Pure and deterministic.
 *
 * A node that does not answer keeps what it holds unless the goal removes it: it may come back. `before` and `predicted` are
 * of holders once the transfers of now have ended.
 * @throws RagctlError exit 2 for nodes that are none, or too few of them; exit 7 while the collection is resharded, and where
 *   a node to be removed has the only copy of a shard and does not answer
 */
export function planNative(observed: ObservedNative, goal: NativeGoal = {}): NativePlan {
  const removed = checkGoal(observed, goal);
  const nodes = new Map(observed.nodes.map((node) => [node.id, node]));
  const notes = [...observed.notes];
  const listeners = new Set(
    observed.shards.flatMap(({ replicas }) => replicas.filter(({ state }) => state === "Listener").map(({ node }) => node)),
  );
  const able = observed.nodes.filter(({ id, alive }) => alive && !removed.has(id) && !listeners.has(id));
  const ableIds = new Set(able.map(({ id }) => id));
  const replicas = goal.replicas ?? observed.replicationFactor;
  const now = new Map(observed.shards.map((shard) => [shard.id, holdersOf(shard, observed.transfers)]));
  notes.push(...situation(observed, goal, { removed, listeners, able, replicas }));

  const start = new Map([...now].map(([id, on]) => [id, new Set(on.filter((node) => ableIds.has(node)))]));
  const pieces = observed.shards.map((shard): Piece => {
    const on = now.get(shard.id)!;
    const here = start.get(shard.id)!;
    // What a silent node holds counts as a copy, so that its absence of an hour does not copy its shards.
    const elsewhere = on.filter((node) => !ableIds.has(node) && !removed.has(node)).length;
    const wanted = goal.replicas === undefined ? Math.max(replicas - elsewhere, here.size) : replicas - elsewhere;
    const load = goal.balance === "points" ? shard.points : shard.bytes;
    // No source: nothing of it can be copied, and it stays as it is.
    const fixed = servingOf(shard, nodes).length === 0;
    const weak = new Set(on.filter((node) => isDead(shard, node, observed)));
    const copies = fixed ? here.size : Math.max(0, wanted);
    return { id: shard.id, load: load + 1, bytes: shard.bytes, held: new Set(on), weak, copies };
  });
  const movable = pieces.filter(({ id }) => servingOf(shardById(observed, id), nodes).length > 0);
  const bins = able.map((node): Bin => {
    const stays = pieces.filter((piece) => !movable.includes(piece) && start.get(piece.id)!.has(node.id));
    const bin: Bin = { id: node.id, weight: node.weight, fixed: stays.reduce((sum, { load }) => sum + load, 0) };
    if (node.zone !== undefined) bin.zone = node.zone;
    return bin;
  });
  const limits = { maxMoves: goal.maxMoves ?? Infinity, maxBytes: goal.maxBytes ?? Infinity };
  const { on, short, cut } = assign(movable, bins, start, limits);
  if (short.length > 0)
    notes.push(`${shardList(short)} would need more copies than --max-moves and --max-bytes allow: plan again afterwards`);
  if (cut) notes.push("--max-moves or --max-bytes ended it before everything was even: plan again afterwards");

  const after = new Map(now);
  const drafts: { steps: Omit<ShardStep, "id">[]; rank: number }[] = [];
  for (const shard of observed.shards) {
    const from = now.get(shard.id)!;
    const target = on.get(shard.id);
    const silent = from.filter((node) => !ableIds.has(node) && !removed.has(node));
    const going = from.filter((node) => removed.has(node));
    if (!target) {
      stuck(shard, going, notes);
      continue;
    }
    // A shard short of copies keeps what it has, on nodes to be removed too: as many as it is short of.
    const wanted = Math.min(pieces.find(({ id }) => id === shard.id)!.copies, bins.length);
    const missing = Math.max(0, wanted - target.size);
    const kept = going.filter((node) => servingOf(shard, nodes).some((replica) => replica.node === node)).slice(0, missing);
    const to = [...target, ...silent, ...kept];
    const heal = to.filter((node) => ableIds.has(node) && isDead(shard, node, observed));
    const steps = shardSteps({ shard, from, to, heal }, nodes)!;
    if (steps.length === 0) continue;
    after.set(shard.id, to);
    const serving = servingOf(shard, nodes).length;
    const atRisk = serving < replicas && steps.some(({ kind }) => kind === "replicate-shard");
    drafts.push({ steps, rank: atRisk ? serving : going.length > 0 ? replicas : replicas + 1 });
  }
  // At risk first, then those that go, then balance; a shard's own steps stay together and in order.
  const steps = drafts
    .toSorted((a, b) => a.rank - b.rank)
    .flatMap(({ steps }) => steps)
    .map((step, index): ShardStep => Object.assign({ id: `s${index + 1}` }, step));

  const shown = observed.nodes.filter(({ id }) => ableIds.has(id) || [...now.values()].some((on) => on.includes(id)));
  const before = nativeBalance(
    observed.shards,
    now,
    shown,
    new Set(shown.filter(({ id }) => !listeners.has(id)).map(({ id }) => id)),
  );
  const predicted = nativeBalance(observed.shards, after, shown, ableIds);
  return {
    fingerprint: nativeFingerprint(observed),
    steps,
    before,
    predicted,
    price: priceOf(observed.shards, steps, {
      before,
      predicted,
      after,
      ...(goal.bytesPerSec !== undefined && { bytesPerSec: goal.bytesPerSec }),
    }),
    notes,
  };
}

function checkGoal(observed: ObservedNative, goal: NativeGoal): Set<string> {
  const problems: Problem[] = [];
  const known = new Map(observed.nodes.map((node) => [node.id, node]));
  const list = observed.nodes.map(({ id }) => id).join(", ");
  for (const id of goal.add ?? []) {
    const node = known.get(id);
    if (!node) problems.push({ path: "--add", message: `there is no node "${id}" in the config (${list})` });
    else if (!node.alive) problems.push({ path: "--add", message: `${id} ${node.problem ?? "does not answer"}` });
  }
  for (const id of goal.remove ?? [])
    if (!known.has(id)) problems.push({ path: "--remove", message: `there is no node "${id}" in the cluster (${list})` });
  const removed = new Set(goal.remove);
  const left = observed.nodes.filter(({ id, alive }) => alive && !removed.has(id)).length;
  if (problems.length === 0 && left === 0)
    problems.push({ path: "--remove", message: "no node that answers would be left to hold anything" });
  else if (problems.length === 0 && removed.size > 0 && goal.replicas === undefined && left < observed.replicationFactor)
    problems.push({
      path: "--remove",
      message: `${observed.replicationFactor} copies need as many nodes, and ${left} would be left; --replicas ${left} says that fewer copies are meant`,
    });
  if (goal.replicas !== undefined && goal.replicas > left)
    problems.push({
      path: "--replicas",
      message: `${goal.replicas} copies need ${goal.replicas} nodes that answer; there are ${left}`,
    });
  if (problems.length > 0) throw usageError(problems, { code: "goal-impossible" });
  if (observed.resharding)
    throw new RagctlError(`collection "${observed.collection}" is being resharded`, {
      code: "resharding",
      exitCode: ExitCode.refused,
      hint: "Wait until that has ended: it moves points between shards.",
    });
  return removed;
}

interface Situation {
  removed: ReadonlySet<string>;
  listeners: ReadonlySet<string>;
  able: readonly NativeNode[];
  replicas: number;
}

/** What a reader of the plan should know beside its steps. */
function situation(observed: ObservedNative, goal: NativeGoal, { removed, listeners, able, replicas }: Situation): string[] {
  const notes: string[] = [];
  const holding = new Set(observed.shards.flatMap((shard) => holdersOf(shard, observed.transfers)));
  for (const { id, alive } of observed.nodes)
    if (!alive && !removed.has(id) && holding.has(id))
      notes.push(
        `${id} does not answer and keeps what it holds; if it is gone for good, --remove ${id} restores its copies elsewhere`,
      );
  for (const id of listeners) notes.push(`${id} only listens (its replicas take writes and answer nothing): it is given nothing`);
  if (able.length < replicas) notes.push(`${replicas} copies are wanted, and ${able.length} nodes can hold one`);
  if (goal.replicas !== undefined && goal.replicas !== observed.replicationFactor)
    notes.push(
      `the collection's own replication factor stays ${observed.replicationFactor}, for what is made later: this plan is of what is there`,
    );
  if (observed.sizes === "estimate")
    notes.push("bytes are estimated from points and dimension: this Qdrant has no /cluster/telemetry (1.17 and later)");
  if (goal.balance === "heat" || goal.balance === "all") notes.push("Qdrant does not tell queries by shard: balanced by bytes");
  const partial = observed.shards.flatMap(({ id, replicas }) =>
    replicas.filter(({ state }) => state === "ManualRecovery").map(({ node }) => `${id} on ${node}`),
  );
  if (partial.length > 0) notes.push(`in manual recovery, left alone: shard ${partial.join(", ")}`);
  if (observed.transfers.length > 0)
    notes.push(`${observed.transfers.length} transfers are running: planned from where they lead to`);
  return notes;
}

function stuck(shard: NativeShard, going: readonly string[], notes: string[]): void {
  const what = `shard ${shard.id} has no active replica on a node that answers, so that nothing can be copied`;
  if (going.length === 0) return void notes.push(`${what}: it stays as it is`);
  throw new RagctlError(`${what}, and ${going.join(", ")} would be removed with it`, {
    code: "shard-without-source",
    exitCode: ExitCode.refused,
    hint: "Bring a node with a good replica back first, or restore the shard from a snapshot.",
  });
}

/** Dead, on a node that answers, and nothing on the way to it. */
function isDead(shard: NativeShard, node: string, { transfers }: ObservedNative): boolean {
  return (
    shard.replicas.some((replica) => replica.node === node && replica.state === "Dead") &&
    !transfers.some(({ shardId, to }) => shardId === shard.id && to === node)
  );
}

function shardById(observed: ObservedNative, id: number): NativeShard {
  return observed.shards.find((shard) => shard.id === id)!;
}

function shardList(ids: readonly number[]): string {
  const shown = ids.slice(0, 5).join(", ");
  return ids.length === 1 ? `shard ${shown}` : `shards ${shown}${ids.length > 5 ? ` and ${ids.length - 5} more` : ""}`;
}
