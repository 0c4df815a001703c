import { createOn, newTable } from "../cluster/collections.ts";
import { ExitCode, RagctlError } from "../errors.ts";
import { createRouting, type Routing } from "../sharding/owners.ts";
import { pointIdOf } from "../sharding/point-id.ts";
import { stampPayload } from "../sharding/keys.ts";
import { field, type RoutingTable, type TableNode } from "../sharding/table.ts";
import { driverFor } from "../stores/index.ts";
import type { CollectionInfo, DataFace, Payload, PointId } from "../stores/contract.ts";
import { formatCount } from "../units.ts";
import type { MigrationAccess } from "./access.ts";
import { holdFor } from "./access-lock.ts";
import type { ShardAdoptResult } from "./result.ts";

const pageSize = 500;
/** Requests at once to one node while stamping. */
const atOnce = 16;
/** Below any version that a writer gives out, and the same on every replica and in every run. */
const adoptedVersion = 1;

export interface AdoptRun {
  collection: string;
  /** The payload field that holds the application's key, where ids were derived from it; else the ids are the keys. */
  keyField?: string;
}

export interface AdoptDeps {
  access: MigrationAccess;
  signal: AbortSignal;
  note: (text: string) => void;
  onProgress: (stamped: number) => void;
}

/**
 * Takes in a collection that ragctl did not make: checks that every point is where the cluster's own routing would have it, stamps all points
 * with ragctl's fields, and creates the routing table. Nodes without the collection are `joining`. May be stopped and run again.
 * @throws RagctlError exit 2 where it cannot be routed as it is, 3 where a node does not answer, 7 where points lie elsewhere or a table is there
 */
export async function adoptCollection(run: AdoptRun, deps: AdoptDeps): Promise<ShardAdoptResult> {
  const { access } = deps;
  const lock = await holdFor(access, `shard adopt ${run.collection}`);
  try {
    return await new Adoption(run, deps).run();
  } finally {
    await lock.release();
  }
}

class Adoption {
  readonly #run: AdoptRun;
  readonly #deps: AdoptDeps;
  readonly #face: DataFace;

  constructor(run: AdoptRun, deps: AdoptDeps) {
    this.#run = run;
    this.#deps = deps;
    const { cluster } = deps.access;
    this.#face = driverFor(cluster).data(run.collection, cluster.store.vector);
  }

  async run(): Promise<ShardAdoptResult> {
    const { access, note } = this.#deps;
    const { cluster, state } = access;
    const { collection } = this.#run;
    if (await state.getTable(collection))
      throw refuse(`Collection ${collection} has a routing table already.`, "already-adopted", "ragctl shard status shows it.");
    const infos = await this.#infos();
    const members = cluster.nodes.map(({ id }) => id).filter((id) => infos.has(id));
    const [first] = infos.values();
    if (!first)
      throw new RagctlError(`No node of cluster ${cluster.name} has a collection ${collection}.`, {
        code: "no-collection",
        exitCode: ExitCode.usage,
        hint: "ragctl status lists the collections of every node.",
      });
    const spec = {
      size: first.size,
      distance: first.distance,
      ...(cluster.store.vector === undefined ? {} : { vector: cluster.store.vector }),
    };
    const fresh = newTable(cluster, collection, spec);
    const table: RoutingTable = {
      ...fresh,
      epoch: 1,
      members,
      nodes: Object.fromEntries(
        Object.entries(fresh.nodes).map(([id, node]): [string, TableNode] => [
          id,
          { ...node, state: infos.has(id) ? "serving" : "joining" },
        ]),
      ),
    };
    const routing = createRouting(table);
    const points = await this.#check(routing, members);
    for (const id of members) await createOn(access.nodes.get(id), collection, spec);
    let stamped = 0;
    for (const id of members) {
      note(`stamping the points of ${id}`);
      stamped += await this.#stamp(id, routing, (so) => this.#deps.onProgress(stamped + so));
    }
    // Points that an application wrote in between have no fields yet.
    for (const id of members) stamped += await this.#stamp(id, routing, () => undefined);
    const { epoch: _epoch, ...created } = table;
    const made = await state.createTable(created);
    if (!made)
      throw refuse(`Collection ${collection} has a routing table by now.`, "already-adopted", "ragctl shard status shows it.");
    const joining = Object.keys(table.nodes).filter((id) => !infos.has(id));
    return { cluster: cluster.name, collection, points, stamped, members, joining, epoch: made.epoch };
  }

  async #infos(): Promise<Map<string, CollectionInfo>> {
    const { cluster, nodes } = this.#deps.access;
    const found = new Map<string, CollectionInfo>();
    for (const { id } of cluster.nodes) {
      const info = await nodes.get(id).control.collectionInfo(this.#run.collection, cluster.store.vector);
      if (info) found.set(id, info);
    }
    const [first] = found.values();
    for (const [id, info] of found)
      if (info.size !== first!.size || info.distance !== first!.distance)
        throw refuse(
          `Collection ${this.#run.collection} has vectors of another kind on ${id}.`,
          "collection-differs",
          "All nodes must agree on size and distance.",
        );
    return found;
  }

  /** Every point must be on its owners, and on nobody else, before anything is written. @returns copies seen */
  async #check(routing: Routing, members: readonly string[]): Promise<number> {
    const { note } = this.#deps;
    let copies = 0;
    let elsewhere = 0;
    let expected = 0;
    let example = "";
    for (const node of members) {
      const index = routing.indexOf.get(node)!;
      for await (const page of this.#pages(node))
        for (const { id, payload } of page) {
          const key = this.#keyOf(node, id, payload);
          const { owners } = routing.setAt(routing.stamper.stamp(key).position);
          copies++;
          if (owners[0] === index) expected += owners.length;
          if (owners.includes(index)) continue;
          elsewhere++;
          example ||= `${key} is on ${node}, and belongs on ${owners.map((owner) => routing.nodeIds[owner]).join(", ")}`;
        }
    }
    note(`${formatCount(copies)} copies on ${members.join(", ")}`);
    const { replicas, partitioner } = routing.table;
    const how =
      partitioner.kind === "ring"
        ? `a ring of ${partitioner.virtualNodes} virtual nodes a node, ${partitioner.hash}, ${replicas} replicas`
        : partitioner.kind;
    if (elsewhere > 0 || expected !== copies)
      throw refuse(
        elsewhere > 0
          ? `${formatCount(elsewhere)} of ${formatCount(copies)} copies are not where the cluster's routing (${how}) would have them: ${example}.`
          : `There are ${formatCount(copies)} copies where the cluster's routing (${how}) would have ${formatCount(expected)}.`,
        "placement-differs",
        "Set routing (hash, virtualNodes, replicas), node ids and their order to what the application routes by; or ingest anew.",
      );
    return copies;
  }

  #keyOf(node: string, id: PointId, payload: Payload): string {
    const { keyField } = this.#run;
    const named = payload[field.key] ?? (keyField === undefined ? undefined : payload[keyField]);
    if (keyField !== undefined && named === undefined)
      throw refuse(
        `Point ${id} on ${node} has no field ${keyField}.`,
        "key-missing",
        "--key-field names the field that holds the key of every point.",
      );
    const key = named === undefined ? String(id) : typeof named === "string" ? named : JSON.stringify(named);
    if (pointIdOf(key) === id) return key;
    throw refuse(
      `Point ${id} on ${node} has the key ${key}, whose id would be ${pointIdOf(key)}.`,
      "key-not-id",
      "Ids must be the keys themselves (unsigned integers, UUIDs in lower case), or UUIDv5 of them under ragctl's namespace; ingest anew otherwise.",
    );
  }

  /** Sets the fields of every point that lacks them. */
  async #stamp(node: string, routing: Routing, onProgress: (stamped: number) => void): Promise<number> {
    let stamped = 0;
    for await (const page of this.#pages(node, true)) {
      const queue = [...page];
      const work = async () => {
        for (let next = queue.shift(); next; next = queue.shift()) {
          this.#deps.signal.throwIfAborted();
          const key = this.#keyOf(node, next.id, next.payload);
          const payload = stampPayload(key, routing.stamper.stamp(key), adoptedVersion);
          await this.#ask(node, this.#face.prepareSetPayload({ ids: [next.id] }, payload, { wait: true }));
          stamped++;
        }
      };
      await Promise.all(Array.from({ length: atOnce }, work));
      onProgress(stamped);
    }
    return stamped;
  }

  async *#pages(node: string, unstampedOnly = false): AsyncGenerator<{ id: PointId; payload: Payload }[]> {
    const { keyField } = this.#run;
    let offset: PointId | undefined;
    do {
      const request = this.#face.prepareScroll({
        limit: pageSize,
        withPayload: [field.key, field.version, ...(keyField === undefined ? [] : [keyField])],
        ...(unstampedOnly ? { filter: { must: [{ is_empty: { key: field.version } }] } } : {}),
        ...(offset === undefined ? {} : { offset }),
      });
      const page = this.#face.parseScroll(await this.#ask(node, request));
      offset = page.next;
      yield page.points.map(({ id, payload = {} }) => ({ id, payload }));
    } while (offset !== undefined);
  }

  async #ask(id: string, request: Parameters<MigrationAccess["nodes"]["send"]>[2]): Promise<Buffer> {
    const { access, signal } = this.#deps;
    signal.throwIfAborted();
    const answer = await access.nodes.send(access.nodes.get(id), this.#face, request, { timeoutMs: access.requestTimeoutMs }, []);
    if (!answer.failure) return answer.body;
    throw new RagctlError(`Node ${answer.failure.message}`, {
      code: "node-unreachable",
      exitCode: ExitCode.unreachable,
      hint: "Once it answers, the same command goes on: what is stamped stays stamped.",
    });
  }
}

function refuse(message: string, code: string, hint: string): RagctlError {
  return new RagctlError(message, { code, exitCode: ExitCode.refused, hint });
}
