import type { PartitionerSpec } from "../sharding/table.ts";
import { plural } from "../units.ts";

/** How keys are placed, in words: `ring of 150 virtual nodes a node, xxh32`. */
export function describePartitioner(spec: PartitionerSpec): string {
  switch (spec.kind) {
    case "ring": {
      const bound = spec.loadBound === undefined ? "" : `, load bounded to ${Number((1 + spec.loadBound).toFixed(4))} × the mean`;
      return `ring of ${spec.virtualNodes} virtual nodes a node, ${spec.hash}${bound}`;
    }
    case "rendezvous":
      return `rendezvous over 16,384 slots, ${spec.hash}`;
    case "range":
      return `${plural(spec.bounds.length + 1, "range")} of integer keys`;
    case "semantic":
      return `${spec.centroids.length} cells of model ${spec.modelId}, placed by ${spec.owners ? "size" : "hash"}`;
  }
}
