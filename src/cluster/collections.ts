import { ExitCode, RagctlError, usageError } from "../errors.ts";
import { createRouting } from "../sharding/owners.ts";
import {
  field,
  isLayoutOf,
  physicalOf,
  stampFields,
  type PartitionerSpec,
  type RoutingTable,
  type TableNode,
} from "../sharding/table.ts";
import { markStale } from "../sharding/transitions.ts";
import type { ClusterConfig } from "../config/schema.ts";
import { collectionDifferences, requireFit } from "../stores/collection-fit.ts";
import type { CollectionInfo, CollectionSpec } from "../stores/contract.ts";
import type { NewTable } from "../state/contract.ts";
import type { RoutedDeps } from "./deps.ts";
import type { ClusterNode } from "./node.ts";
import { plural } from "../units.ts";

const indexes = [
  [field.hash, "integer"],
  [field.cell, "integer"],
  [field.key, "keyword"],
] as const;

/** The payload indexes of a collection; those of its models' cells besides, where it has a table. */
function indexesOf(table?: RoutingTable): readonly (readonly [name: string, type: "integer" | "keyword"])[] {
  const known = new Set<string>(indexes.map(([name]) => name));
  const more = table ? stampFields(table).filter((name) => !known.has(name) && name !== field.version) : [];
  return [...indexes, ...more.map((name) => [name, "integer"] as const)];
}

/**
 * Makes a collection: on every node, with the payload indexes that selectors need, and then its routing table. Where the
 * table exists, checks that it fits, and gives nodes that lack the collection an empty one; a node that should
 * hold points and does not is stale first.
 * @returns whether this call created the table
 * @throws RagctlError exit 2 where what exists does not fit, 3 where a node cannot be reached, 7 where points are in the way
 */
export async function ensureRoutedCollection(
  deps: RoutedDeps,
  name: string,
  spec: CollectionSpec,
): Promise<{ created: boolean }> {
  const { cluster, state } = deps;
  checkRouting(cluster);
  const existing = await state.getTable(name);
  if (existing) return await fitExisting(deps, existing, spec);
  const found = await createOnAll(deps, name, spec);
  for (const [index, { existed, points }] of found.entries()) {
    if (!existed || points === 0 || (await state.getTable(name))) continue;
    throw new RagctlError(
      `Node ${deps.nodes.all[index]!.id} already holds ${plural(points, "point")} in ${name} that no routing table knows.`,
      {
        code: "collection-unknown",
        exitCode: ExitCode.refused,
        hint: "Drop that collection on the node, or choose another name.",
      },
    );
  }
  const created = await state.createTable(newTable(cluster, name, spec));
  if (created) return { created: true };
  // Another process was faster: what it made must fit as well.
  const theirs = await state.getTable(name);
  return theirs ? await fitExisting(deps, theirs, spec) : await ensureRoutedCollection(deps, name, spec);
}

/**
 * The collection on all nodes, or on none more than before: where one fails, what this call has made on the others goes again,
 * since a collection without a table is one that nobody serves and everybody's list shows.
 * @throws RagctlError the first failure
 */
async function createOnAll(deps: RoutedDeps, name: string, spec: CollectionSpec) {
  const made: ClusterNode[] = [];
  const results = await Promise.allSettled(deps.nodes.all.map((node) => createOn(node, name, spec, () => made.push(node))));
  const failure = results.find((result) => result.status === "rejected");
  if (!failure) return results.flatMap((result) => (result.status === "fulfilled" ? [result.value] : []));
  // Somebody else may have got further meanwhile, and then it is theirs.
  if (!(await deps.state.getTable(name))) await Promise.allSettled(made.map((node) => node.control.deleteCollection(name)));
  throw failure.reason;
}

/** The table of a new collection: every node of the config serves, placed as `routing` says. */
export function newTable(cluster: ClusterConfig, name: string, spec: CollectionSpec): NewTable {
  const { replicas, virtualNodes, hash } = cluster.routing;
  const partitioner: PartitionerSpec = { kind: "ring", virtualNodes, hash };
  const nodes = cluster.nodes.map(({ id, url, zone, weight }): [string, TableNode] => [
    id,
    { url, ...(zone === undefined ? {} : { zone }), weight, state: "serving" },
  ]);
  return {
    schemaVersion: 1,
    collection: name,
    partitioner,
    replicas,
    members: cluster.nodes.map(({ id }) => id),
    nodes: Object.fromEntries(nodes),
    moves: [],
    vector: { size: spec.size, distance: spec.distance, ...(spec.vector === undefined ? {} : { name: spec.vector }) },
  };
}

function checkRouting({ name, routing, nodes, source }: ClusterConfig): void {
  const at = source.file === undefined ? {} : { file: source.file };
  const path = `clusters.${name}.routing`;
  const problems = [];
  if (routing.replicas > nodes.length)
    problems.push({
      ...at,
      path: `${path}.replicas`,
      message: `${routing.replicas} replicas need as many nodes; there are ${nodes.length}`,
    });
  if (routing.minAcks > routing.replicas)
    problems.push({
      ...at,
      path: `${path}.minAcks`,
      message: `${routing.minAcks} acknowledgements need as many replicas; there are ${routing.replicas}`,
    });
  if (routing.hash === "md5-128")
    problems.push({
      ...at,
      path: `${path}.hash`,
      message: "md5-128 plans and routes, and does not fit the 32-bit hash of a live collection: use md5-32 or xxh32",
    });
  if (problems.length > 0) throw usageError(problems, { code: "routing-invalid" });
}

/**
 * The collection with its payload indexes on one node, made where it is missing.
 * @param table where it has one: its fields are indexed, too
 * @param onMade told when this call made it, even if an index then fails
 * @throws RagctlError exit 2 where what is there does not fit, 3 where the node cannot be reached
 */
export async function createOn(
  node: ClusterNode,
  name: string,
  spec: CollectionSpec,
  onMade: () => void = () => {},
  table?: RoutingTable,
): Promise<{ existed: boolean; points: number }> {
  const there = await node.control.collectionInfo(name, spec.vector);
  if (there) requireFit(name, `on node ${node.id}`, there, spec);
  else
    await node.control.createCollection(name, spec).then(onMade, (error: unknown) => {
      if (!(error instanceof RagctlError) || error.code !== "collection-exists") throw error;
    });
  for (const [payloadField, type] of [...indexesOf(table), ...asked(spec)])
    if (!there?.indexedPayloadFields.includes(payloadField)) await node.control.createPayloadIndex(name, payloadField, type);
  return { existed: there !== undefined, points: there?.pointsCount ?? 0 };
}

async function fitExisting(deps: RoutedDeps, table: RoutingTable, spec: CollectionSpec): Promise<{ created: boolean }> {
  const physical = physicalOf(table);
  const size = { size: spec.size, distance: spec.distance };
  if (collectionDifferences(table.vector, size).length > 0) {
    // The routing table decides; what else differs is said in one go, where a node can be asked.
    const infos = await Promise.all(
      Object.entries(table.nodes).map(([id, { url }]) =>
        deps.nodes
          .ofTable(id, url)
          .control.collectionInfo(physical, spec.vector)
          .catch(() => undefined),
      ),
    );
    requireFit(table.collection, "", { ...infos.find((info) => info !== undefined), ...table.vector }, spec);
  }
  const failures = await Promise.all(
    Object.entries(table.nodes).map(async ([id, { url, state }]) => {
      const node = deps.nodes.ofTable(id, url);
      try {
        const there = await node.control.collectionInfo(physical, spec.vector);
        if (there) {
          requireFit(table.collection, `on node ${id}`, there, spec);
          for (const [payloadField, type] of asked(spec))
            if (!there.indexedPayloadFields.includes(payloadField))
              await node.control.createPayloadIndex(physical, payloadField, type);
          return undefined;
        }
        // It should have points and has not even the collection: it must not answer for them.
        if (state === "serving" || state === "leaving") {
          const outcome = await deps.watch.change(table.collection, (now, routing) => markStale(now, id, routing));
          if (typeof outcome === "object") throw lostData(id, table.collection, outcome.refused);
        }
        await createOn(node, physical, spec, () => {}, table);
        return undefined;
      } catch (error) {
        if (!(error instanceof RagctlError) || error.exitCode !== ExitCode.unreachable) throw error;
        return { id, error };
      }
    }),
  );
  const down = failures.filter((failure) => failure !== undefined);
  // A node that is away is a matter for writes, which mark it; only where some points have nobody left is this the end.
  const routing = createRouting(table);
  const away = new Set(down.map(({ id }) => routing.indexOf.get(id)!));
  if (down.length > 0 && routing.covers.some(({ read }) => read.every((node) => away.has(node)))) throw down[0]!.error;
  return { created: false };
}

/** The indexes that the spec asks for beside ragctl's own. */
function asked({ payloadIndexes = [] }: CollectionSpec) {
  return payloadIndexes.map(({ field: name, type }) => [name, type] as const);
}

function lostData(id: string, collection: string, reason: string): RagctlError {
  return new RagctlError(`Node ${id} has lost collection ${collection}, and no other node has all of its points: ${reason}.`, {
    code: "data-lost",
    exitCode: ExitCode.refused,
    hint: `Restore the node from a backup; or drop ${collection} and ingest it again.`,
  });
}

/**
 * Drops the table first, so that clients stop, then the collection on every node.
 * @throws RagctlError exit 3 naming the nodes that could not be reached, once all others are done
 */
export async function dropRoutedCollection(deps: RoutedDeps, name: string): Promise<void> {
  const nodes = new Map(deps.nodes.all.map((node) => [node.id, node]));
  const physical = new Set<string>();
  for (;;) {
    const table = await deps.state.getTable(name);
    if (!table) break;
    physical.add(physicalOf(table));
    if (table.beside) physical.add(table.beside.physical);
    for (const [id, { url }] of Object.entries(table.nodes)) nodes.set(id, deps.nodes.ofTable(id, url));
    if (await deps.state.dropTable(name, table.epoch)) break;
  }
  const dropOn = async ({ control }: ClusterNode) => {
    // A node that was away when a layout was dropped has it still, and so may an earlier attempt at this.
    const there = (await control.listCollections()).filter((other) => isLayoutOf(other, name));
    for (const each of new Set([name, ...physical, ...there])) await control.deleteCollection(each);
  };
  const results = await Promise.allSettled([...nodes.values()].map(dropOn));
  const failed = results.flatMap((result, index) =>
    result.status === "rejected" ? [{ id: [...nodes.keys()][index]!, reason: result.reason as Error }] : [],
  );
  if (failed.length === 0) return;
  throw new RagctlError(
    `Collection ${name} could not be dropped on ${failed.map(({ id }) => id).join(", ")}: ${failed[0]!.reason.message}`,
    {
      code: "node-unreachable",
      exitCode: ExitCode.unreachable,
      hint: "Run the same again once it answers.",
      cause: failed[0]!.reason,
    },
  );
}

/** What `collectionInfo` says of a routed collection: the vectors of its table, and the state of its nodes in one word, as Qdrant has it. */
export function collectionInfoOf(table: RoutingTable, pointsCount: number): CollectionInfo {
  const { vector, nodes } = table;
  return {
    size: vector.size,
    distance: vector.distance,
    ...(vector.name === undefined ? {} : { vector: vector.name }),
    status: Object.values(nodes).some(({ state }) => state === "stale") ? "yellow" : "green",
    pointsCount,
    indexedPayloadFields: indexesOf(table).map(([name]) => name),
  };
}
