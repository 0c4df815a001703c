import { giveAlias, giveAliases } from "../../cluster/alias-switch.ts";
import { createOn } from "../../cluster/collections.ts";
import { physicalOf, type RoutingTable } from "../../sharding/table.ts";
import { payloadIndexTypes, type CollectionSpec, type PayloadIndexType } from "../../stores/contract.ts";
import { driverFor } from "../../stores/index.ts";
import type { MigrationAccess } from "../access.ts";
import { moveAliases } from "../rekey/aliases.ts";
import { requireOneVector } from "../rekey/one-vector.ts";
import type { Layouts } from "./layouts.ts";

/** Second collections on the real nodes of a cluster. */
export function layoutsOf(access: MigrationAccess): Layouts {
  const { cluster, state, nodes } = access;
  const nodeOf = (id: string, table: RoutingTable) => nodes.ofTable(id, table.nodes[id]!.url);
  return {
    face: (physical) => driverFor(cluster).data(physical, cluster.store.vector),
    async requireCopyable(table) {
      const { collection, members } = table;
      const infoOn = (id: string) => nodeOf(id, table).control.collectionInfo(physicalOf(table), cluster.store.vector);
      for (const info of await Promise.all(members.map(infoOn))) if (info) requireOneVector(collection, info);
    },
    async create(id, table, { physical, partitioner }) {
      const node = nodeOf(id, table);
      const { size, distance, name } = table.vector;
      const there = await node.control.collectionInfo(physicalOf(table), cluster.store.vector);
      const { hnsw, quantization, payloadIndexTypes: types = {} } = there ?? {};
      const spec: CollectionSpec = {
        size,
        distance,
        ...(name !== undefined && { vector: name }),
        ...(hnsw && { hnsw }),
        ...(quantization && { quantization }),
        // In their plain form: what more an index was told (a tokenizer, say) the store does not tell.
        payloadIndexes: Object.entries(types).flatMap(([field, type]) => (isIndexType(type) ? [{ field, type }] : [])),
      };
      await createOn(node, physical, spec, () => undefined, { ...table, partitioner });
    },
    async drop(id, table, physical) {
      const { control } = nodeOf(id, table);
      const { collection } = table;
      const heir = physicalOf(table);
      const there = await control.listCollections();
      if (heir !== physical && heir !== collection && there.includes(heir)) {
        // Those that an application gave the collection itself, too: the store forgets them with it.
        await moveAliases(control, { name: collection, from: physical, to: heir });
        await giveAliases(state, table, control);
        // Whoever asks a node for the collection itself finds it by its name. A collection of that name is this one, or was left when the node was away.
        await giveAlias(control, { alias: collection, to: heir, replaces: true });
      }
      if ((await control.listCollections()).includes(physical)) await control.deleteCollection(physical);
    },
  };
}

function isIndexType(type: string): type is PayloadIndexType {
  return (payloadIndexTypes as readonly string[]).includes(type);
}
