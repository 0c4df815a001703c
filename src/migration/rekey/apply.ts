import { giveAlias } from "../../cluster/alias-switch.ts";
import { ExitCode, RagctlError } from "../../errors.ts";
import { beginCopy, dropCopy, endCopyPause, forgetLeft, foundTable } from "../../sharding/native-table.ts";
import { physicalOf, type NativeTable, type RoutingTable } from "../../sharding/table.ts";
import { next } from "../../sharding/transitions.ts";
import type { CollectionInfo } from "../../stores/contract.ts";
import { field } from "../../sharding/table.ts";
import { allConfirmed } from "../confirm.ts";
import { TableAccess } from "../table.ts";
import { halfDone } from "../trouble.ts";
import { moveAliases } from "./aliases.ts";
import type { RekeyDeps } from "./contract.ts";
import { copyAndSwitch } from "./copy.ts";
import { requireOneVector } from "./one-vector.ts";

const waitSec = 30;

/** The id of a plan's copy in the table. */
export function copyIdOf(planId: string): string {
  return `${planId}~`;
}

/**
 * Makes the collection anew in the store, sharded as the step says, copies everything while clients write, switches clients and the alias, and drops
 * what served before: from wherever it stands, by the table.
 * @throws RagctlError exit 5 where it stops half done
 */
export async function applyRekey(deps: RekeyDeps): Promise<{ epoch: number }> {
  const { collection, state, journal, step } = deps;
  const table = new TableAccess(state, collection);
  const part = async <T>(name: string, work: () => Promise<T>): Promise<T> => {
    deps.signal.throwIfAborted();
    journal.record(name, "start");
    const result = await work();
    journal.record(name, "end");
    return result;
  };
  const present = await state.getTable(collection);
  if (!present || (physicalOf(present) !== step.physical && !present.native?.copy)) {
    await part("adopt", () => adopt(deps));
    await part("announce", () => announce(table, deps));
  }
  const { native } = (await table.read()).table;
  if (native?.copy) {
    const { copy } = native;
    await allConfirmed(deps, (await table.read()).table.epoch);
    await part("create", () => create(copy, deps));
    const begun = present?.native?.copy !== undefined;
    await copyAndSwitch(copy, table, { ...deps, unclean: deps.unclean || begun });
  }
  await part("retire", () => retire(table, deps));
  return { epoch: (await table.read()).table.epoch };
}

/** From here on every client that uses the collection is counted, and none has a request on the way that is not. */
async function adopt(deps: RekeyDeps): Promise<void> {
  const { collection, state, clock, requestTimeoutMs, signal } = deps;
  const info = await infoOf(deps, physicalOf((await state.getTable(collection)) ?? { collection }));
  const there = await state.getTable(collection);
  if (there?.physical !== undefined) return;
  if (!there) await state.createTable(foundTable(collection, vectorOf(info), deps.step.partitioner));
  const { epoch } = (await state.getTable(collection))!;
  await allConfirmed(deps, epoch);
  // A client that had no table has nothing by which to tell what it has in flight.
  await clock.sleep(requestTimeoutMs, signal);
}

async function announce(table: TableAccess, deps: RekeyDeps): Promise<void> {
  const { step, planId, fence } = deps;
  fence.ensure();
  const { outcome } = await table.change((now) =>
    beginCopy(now, { id: `${copyIdOf(planId)}${now.epoch}`, physical: step.physical, partitioner: step.partitioner }),
  );
  if (typeof outcome === "object")
    throw new RagctlError(`The copy cannot begin: ${outcome.refused}.`, {
      code: "plan-in-flight",
      exitCode: ExitCode.refused,
      hint: "Finish the plan that did so with ragctl rebalance apply --resume, or take it back with --abort.",
    });
}

/** The new collection, its shard keys where the plan has them, and the indexes of the old one. Every part of it can be repeated. */
async function create({ physical }: NonNullable<NativeTable["copy"]>, deps: RekeyDeps): Promise<void> {
  const { step, sender, collection, state, fence } = deps;
  const source = await infoOf(deps, physicalOf((await state.getTable(collection))!));
  const known = await sender.control(({ control }) => control.collectionInfo(physical, deps.vectorName));
  requireOneVector(collection, source);
  fence.ensure();
  if (!known) {
    const { size, distance, vector, hnsw, quantization } = source;
    const spec = {
      size,
      distance,
      ...(vector !== undefined && { vector }),
      ...(hnsw && { hnsw }),
      ...(quantization && { quantization }),
    };
    await sender.control(({ control }) => control.createCollection(physical, spec, step.sharding));
  }
  const peers = await peersOf(deps);
  const view = await sender.control(({ control }) => control.cluster!.collection(physical));
  const there = new Set(view?.replicas.map(({ key }) => key));
  for (const { key, on } of step.keys) {
    if (there.has(key)) continue;
    fence.ensure();
    const placement = on.map((node) => peers.get(node) ?? missingPeer(node));
    const request = { key, replicas: on.length, placement };
    await sender.control(({ control }) => control.cluster!.createShardKey(physical, request, { waitSec }));
  }
  for (const [name, type] of indexesOf(source))
    if (!known?.indexedPayloadFields.includes(name))
      await sender.control(({ control }) => control.createPayloadIndex(physical, name, type));
}

type IndexType = Parameters<RekeyDeps["nodes"][number]["control"]["createPayloadIndex"]>[2];

/** Those of the old collection, and the version's: writers filter by it. */
function indexesOf({ payloadIndexTypes = {} }: CollectionInfo): [string, IndexType][] {
  return Object.entries({ ...payloadIndexTypes, [field.version]: "integer" }) as [string, IndexType][];
}

async function peersOf({ nodes }: RekeyDeps): Promise<Map<string, number>> {
  const found = new Map<string, number>();
  await Promise.all(
    nodes.map(async ({ id, control }) => {
      const peer = await control.cluster!.peer();
      if (peer) found.set(id, peer.peerId);
    }),
  );
  return found;
}

function missingPeer(node: string): never {
  throw halfDone(`Node ${node}, which is to hold cells, is no peer of the cluster.`, "node-unfit");
}

/** Every client reads the new collection: now the name means it to everybody, and the old one goes. */
async function retire(table: TableAccess, deps: RekeyDeps): Promise<void> {
  const { collection, sender, fence } = deps;
  const { table: now } = await table.read();
  const left = now.native?.left;
  if (left === undefined) return;
  await allConfirmed(deps, now.epoch);
  const to = physicalOf(now);
  fence.ensure();
  await sender.control(({ control }) => moveAliases(control, { name: collection, from: left, to }));
  fence.ensure();
  await sender.control(({ control }) => giveAlias(control, { alias: collection, to, replaces: left === collection }));
  if (left !== collection) await sender.control(({ control }) => control.deleteCollection(left));
  await table.change((each) => forgetLeft(each, left));
}

/** Takes back a copy that clients do not read yet. */
export async function abortRekey(deps: RekeyDeps): Promise<{ epoch: number }> {
  const { state, collection, clock, requestTimeoutMs, signal, sender, fence, journal } = deps;
  const table = new TableAccess(state, collection);
  const copy = (await table.read()).table.native?.copy;
  if (!copy?.id.startsWith(copyIdOf(deps.planId))) return { epoch: (await table.read()).table.epoch };
  journal.record("abort", "start");
  // What a mover that died had sent lands before there is nothing to land in.
  await clock.sleep(requestTimeoutMs, signal);
  fence.ensure();
  // A mover that lost its lock unnoticed must not switch to what is about to go, nor have done so.
  const { routing } = await table.change((now) => endCopyPause(now, copy.id, now.native?.copy?.pause ?? 0));
  if (routing.table.native?.copy?.id !== copy.id)
    throw halfDone("Clients read the new collection by now: there is nothing to take back.", "copy-serves");
  await sender.control(({ control }) => control.deleteCollection(copy.physical));
  await table.change((now) => dropCopy(now, copy.id));
  await state.dropTouched(collection, copy.id);
  journal.record("abort", "end");
  return { epoch: (await table.read()).table.epoch };
}

/** The number of probed cells alone. */
export async function changeProbes(table: TableAccess, partitioner: RoutingTable["partitioner"]): Promise<{ epoch: number }> {
  const { routing } = await table.change((now) => next(now, { partitioner }));
  return { epoch: routing.table.epoch };
}

async function infoOf({ sender, vectorName, collection }: RekeyDeps, physical: string): Promise<CollectionInfo> {
  const info = await sender.control(({ control }) => control.collectionInfo(physical, vectorName));
  if (info) return info;
  throw new RagctlError(`There is no collection ${collection} in this cluster.`, {
    code: "no-collection",
    exitCode: ExitCode.usage,
    hint: "ragctl status lists those there are.",
  });
}

function vectorOf({ size, distance, vector }: CollectionInfo): RoutingTable["vector"] {
  return { size, distance, ...(vector !== undefined && { name: vector }) };
}
