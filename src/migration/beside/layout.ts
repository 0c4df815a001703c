import { RagctlError } from "../../errors.ts";
import { createRouting } from "../../sharding/owners.ts";
import { field, stampFields, type PartitionerSpec, type RoutingTable } from "../../sharding/table.ts";
import type { Payload, Point } from "../../stores/contract.ts";

/** Where points are to be in a layout that is built: what a mover stamps on them, and who gets them. */
export interface NewLayout {
  /** Nodes that hold any of it. */
  readonly nodes: readonly string[];
  /** Whether a new vector can take a key to other nodes. */
  readonly byVector: boolean;
  /** What a comparison needs to know of a copy. */
  readonly fields: string[];
  /** The point as the layout has it, with the version that it has. @throws RagctlError exit 5 for one that cannot be placed */
  place(point: Point): { point: Point; owners: readonly string[] };
  /** By what is stamped on a copy: its position, and who is to have it; undefined where it does not say. */
  ownersOf(payload: Payload): { position: number; owners: readonly string[] } | undefined;
}

/** Every field that held a cell of a model, whichever. */
const cellFields = /^_ragctl_c(ell$|_)/;

/** The layout of a table's nodes under another partitioner. `loadHashes()` must have been awaited. */
export function newLayout(table: RoutingTable, partitioner: PartitionerSpec): NewLayout {
  const { transition: _none, ...rest } = table;
  const routing = createRouting({ ...rest, partitioner, moves: [] });
  const ownersAt = (position: number) => routing.setAt(position).owners.map((index) => routing.nodeIds[index]!);
  return {
    nodes: [...table.members],
    byVector: routing.elsewhere,
    fields: stampFields(routing.table),
    place({ payload = {}, ...point }) {
      const key = payload[field.key];
      const { h, cells, position } = routing.stamper.stamp(typeof key === "string" ? key : String(point.id), point.vector);
      if (position < 0)
        throw new RagctlError(`Point ${point.id} of ${table.collection} has no vector, and so no cell.`, {
          code: "vector-missing",
          exitCode: 5,
          hint: "Delete it, or write it anew; then the same command with --resume goes on.",
        });
      const kept = Object.entries(payload).filter(([name]) => !cellFields.test(name));
      return {
        point: { ...point, payload: { ...Object.fromEntries(kept), [field.hash]: h, ...cells } },
        owners: ownersAt(position),
      };
    },
    ownersOf(payload) {
      const place = routing.placeOf(payload);
      return place && { position: place.position, owners: ownersAt(place.position) };
    },
  };
}
