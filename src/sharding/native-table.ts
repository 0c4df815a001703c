import { usageError } from "../errors.ts";
import { physicalOf, type HashName, type NativeTable, type PartitionerSpec, type RoutingTable } from "./table.ts";
import { next, type Transition } from "./transitions.ts";

/** In a native collection's table: the cluster as a whole. */
const wholeCluster = "cluster";

/** The name of a cell's shards. A text, since clients are known that take the number 0 for no key at all. */
export function cellKey(cell: number): string {
  return `cell-${cell}`;
}

/** The keys of all cells; undefined where the store places points by their ids. */
export function cellKeys({ kind, ...rest }: PartitionerSpec): string[] | undefined {
  return kind === "semantic" && "centroids" in rest ? rest.centroids.map((_, cell) => cellKey(cell)) : undefined;
}

/** The table of a native collection as it is found: its store places the points, and clients begin to be counted. */
export function foundTable(
  collection: string,
  vector: RoutingTable["vector"],
  { hash }: { hash: HashName },
): Omit<RoutingTable, "epoch"> {
  return {
    schemaVersion: 1,
    collection,
    native: {},
    partitioner: { kind: "rendezvous", hash: hash === "md5-128" ? "md5-32" : hash },
    replicas: 1,
    members: [wholeCluster],
    nodes: { [wholeCluster]: { url: "http://cluster.invalid", weight: 1, state: "serving" } },
    moves: [],
    vector,
  };
}

/** @throws RagctlError exit 2 where it is one of a routed cluster */
function nativeOf({ native, collection }: RoutingTable): NativeTable {
  if (native) return native;
  throw usageError([{ message: `the table of ${collection} is one of a routed cluster` }], { code: "not-native" });
}

type Copy = NonNullable<NativeTable["copy"]>;

/** A copy of everything begins: from the next epoch on writers log what they touch. */
export function beginCopy(table: RoutingTable, copy: Pick<Copy, "id" | "physical" | "partitioner">): Transition {
  const { copy: open, left } = nativeOf(table);
  if (open) return { refused: `a copy of ${table.collection} into ${open.physical} is under way already` };
  if (left !== undefined) return { refused: `${left}, which served before, has not been dropped yet` };
  return next(table, { native: { copy: { ...copy, phase: "copying", pause: 0 } } });
}

/** Writers wait from here on. */
export function pauseCopy(table: RoutingTable, id: string): Transition {
  const { copy } = nativeOf(table);
  if (copy?.id !== id) return { refused: "the copy is not in the table any more" };
  if (copy.phase === "paused") return { refused: "the copy is in a pause already" };
  return next(table, { native: { copy: { ...copy, phase: "paused", pause: copy.pause + 1 } } });
}

/** Ends that very pause: the mover's, or a writer's that has waited for too long. */
export function endCopyPause(table: RoutingTable, id: string, pause: number): Transition | "unchanged" {
  const { copy } = nativeOf(table);
  if (copy?.id !== id || copy.phase !== "paused" || copy.pause !== pause) return "unchanged";
  return next(table, { native: { copy: { ...copy, phase: "copying" } } });
}

/** The one switch. Refused unless the copy is still in the pause in which it was compared. */
export function cutOverCopy(table: RoutingTable, id: string, pause: number): Transition {
  const { copy } = nativeOf(table);
  if (copy?.id !== id || copy.phase !== "paused" || copy.pause !== pause) return { refused: "the pause was ended" };
  const { physical, partitioner } = copy;
  return next(table, { physical, partitioner, native: { left: physicalOf(table) } });
}

/** The copy is given up. */
export function dropCopy(table: RoutingTable, id: string): Transition | "unchanged" {
  const { copy, ...native } = nativeOf(table);
  return copy?.id === id ? next(table, { native }) : "unchanged";
}

/** What served before is gone. */
export function forgetLeft(table: RoutingTable, physical: string): Transition | "unchanged" {
  const { left, ...native } = nativeOf(table);
  return left === physical ? next(table, { native }) : "unchanged";
}
