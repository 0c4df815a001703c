import { ExitCode, RagctlError } from "../../errors.ts";
import { partitionerCells } from "../../kmeans/index.ts";
import { nativeAccess, observeNative } from "../../migration/native/index.ts";
import { requireOneVector } from "../../migration/rekey/one-vector.ts";
import { semanticSpec, type Plan } from "../../planning/rebalance-contract.ts";
import { loadHashes } from "../../sharding/hash.ts";
import { makePlanId } from "../../sharding/plan/plan-id.ts";
import { planRekey } from "../../sharding/plan/rekey.ts";
import { physicalOf, type PartitionerSpec } from "../../sharding/table.ts";
import { requireNoCopy } from "../native-cells.ts";
import { weighCells, type PlanDeps, type PlanRequest } from "./make.ts";

/**
 * The plan of a native collection's cells: a second collection of the store, whose shard keys they are, gets everything and takes the place of the first.
 * @throws RagctlError exit 7 where a change is half done, a node does not answer, or the store knows the name otherwise
 */
export async function makeNativePlan(
  { cluster, collection, to, maxRate, expected, heat }: PlanRequest,
  deps: Omit<PlanDeps, "nodes"> & { cwd: string },
): Promise<{ plan: Plan; notes: string[] }> {
  await loadHashes();
  const { clock, rng, cwd } = deps;
  const table = collection.table!;
  requireNoCopy(table);
  const physical = physicalOf(table);
  const access = nativeAccess(cluster, physical, { clock, cwd });
  const observed = await observeNative(access);
  const silent = observed.nodes.filter(({ alive }) => !alive);
  if (silent.length > 0)
    throw new RagctlError(`${silent.map(({ id }) => id).join(", ")} does not answer: all nodes must, before cells are placed.`, {
      code: "node-unfit",
      exitCode: ExitCode.refused,
      hint: "ragctl status shows every node.",
    });
  const { control } = access.nodes[0]!;
  await requireOwnName(control, table.collection, physical);
  const info = await control.collectionInfo(physical, cluster.store.vector);
  if (info) requireOneVector(table.collection, info);
  const sharding = await control.cluster.sharding(physical);
  if (sharding.byKey && table.partitioner.kind !== "semantic")
    throw new RagctlError(`Collection ${table.collection} is sharded by keys of its own, which a change would lose.`, {
      code: "keys-of-its-own",
      exitCode: ExitCode.refused,
      hint: "Only collections that Qdrant shards by itself, or that ragctl has placed by cells, can be placed by a model.",
    });
  const partitioner = "model" in to ? specOf(to, table.partitioner) : asFound(to);
  const { newCells } = "model" in to ? await weighCells(collection, to.model, deps) : {};
  const nowMs = clock.nowMs();
  const plan = planRekey({
    planId: makePlanId(nowMs, rng),
    createdAt: new Date(nowMs).toISOString(),
    cluster: cluster.name,
    collection: table.collection,
    observed,
    sharding,
    from: table.partitioner,
    to: partitioner,
    ...(newCells && { newCells }),
    ...(heat && { heat }),
    maxRate,
    ...(expected && { expected }),
  });
  const notes = [...observed.notes];
  if (physical === table.collection && plan.steps.some(({ kind }) => kind === "rekey"))
    notes.push(
      `${table.collection} becomes an alias: for applications that read Qdrant itself the name means nothing for a moment; those that write must name a shard key from then on`,
    );
  if (cluster.state.driver === "sqlite" && plan.steps.some(({ kind }) => kind === "rekey"))
    notes.push(
      "the state store is a file of this machine: clients that do not share it must write nothing while this is applied, and cannot write afterwards (a state store in Redis is shared)",
    );
  return { plan, notes };
}

/** Of a native collection the owners of cells are the store's matter: the plan says where their shards are made. */
function specOf(
  { model, probes }: { model: Parameters<typeof partitionerCells>[0]; probes?: number },
  now: PartitionerSpec,
): PartitionerSpec {
  const spec = semanticSpec(partitionerCells(model), { hash: now.hash, ...(probes !== undefined && { probes }) });
  if (now.kind !== "semantic" || now.modelId !== spec.modelId) return spec;
  const { field: _own, ...rest } = spec;
  return now.field === undefined ? rest : { ...rest, field: now.field };
}

/** Back to ids: how the store hashes them is its own matter. */
function asFound({ hash }: PartitionerSpec): PartitionerSpec {
  return { kind: "rendezvous", hash };
}

/** An alias of somebody else's would be in the way. */
async function requireOwnName(control: { listCollections(): Promise<string[]> }, name: string, physical: string): Promise<void> {
  if (name !== physical || (await control.listCollections()).includes(name)) return;
  throw new RagctlError(`${name} is an alias in the store, not a collection.`, {
    code: "is-alias",
    exitCode: ExitCode.refused,
    hint: "Name the collection that it stands for; a release of ragctl ingest --into-new cannot be placed by cells yet.",
  });
}
