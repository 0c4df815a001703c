import { failed, ok, type Answer, type Collection, type Replica, type Shard } from "./qdrant-answers.ts";
import type { Key } from "./qdrant-points.ts";

export interface CreateBody {
  vectors: Record<string, unknown>;
  shard_number?: number;
  sharding_method?: "auto" | "custom";
  replication_factor?: number;
}
export interface KeyBody {
  shard_key: Key;
  shards_number?: number;
  replication_factor?: number;
  placement?: number[];
}
export interface AliasOperation {
  create_alias?: { alias_name: string; collection_name: string };
  delete_alias?: { alias_name: string };
}

/** The collections of a stand-in, their shard keys and aliases, and what makes them. */
export class StandInCollections {
  readonly byName = new Map<string, Collection>();
  readonly aliases = new Map<string, string>();
  readonly #peers: readonly { id: number }[];

  constructor(peers: readonly { id: number }[]) {
    this.#peers = peers;
  }

  create(name: string, body: CreateBody): Answer {
    if (this.byName.has(name) || this.aliases.has(name))
      return failed(409, `Wrong input: Collection \`${name}\` already exists!`);
    const custom = body.sharding_method === "custom";
    const shards = new Map<number, Shard>();
    const factor = body.replication_factor ?? 1;
    const number = body.shard_number ?? (custom ? 1 : this.#peers.length);
    const { size, distance } = body.vectors as unknown as { size: number; distance: Collection["distance"] };
    const collection: Collection = {
      name,
      custom,
      size,
      distance,
      shards,
      shardNumber: number,
      replicationFactor: factor,
      indexes: {},
    };
    this.byName.set(name, collection);
    if (!custom) for (let n = 0; n < number; n++) this.#addShard(collection, this.#peersFrom(n, factor));
    return ok(true);
  }

  #peersFrom(start: number, count: number): number[] {
    return Array.from(
      { length: Math.min(count, this.#peers.length) },
      (_, at) => this.#peers[(start + at) % this.#peers.length]!.id,
    );
  }

  #addShard({ shards }: Collection, on: readonly number[], key?: Key): void {
    const id = Math.max(-1, ...shards.keys()) + 1;
    const replicas = new Map(on.map((peer) => [peer, { state: "Active", points: 0 }] as [number, Replica]));
    shards.set(id, { points: 0, replicas, data: new Map(), ...(key !== undefined && { key }) });
  }

  drop(name: string): Answer {
    for (const [alias, collection] of this.aliases) if (collection === name) this.aliases.delete(alias);
    return ok(this.byName.delete(name));
  }

  /** All of them or none. */
  changeAliases({ actions }: { actions: AliasOperation[] }): Answer {
    const next = new Map(this.aliases);
    for (const { create_alias: create, delete_alias: gone } of actions) {
      if (gone && !next.delete(gone.alias_name)) return failed(404, `Not found: Alias ${gone.alias_name} does not exists!`);
      if (!create) continue;
      if (!this.byName.has(create.collection_name))
        return failed(404, `Not found: Collection \`${create.collection_name}\` doesn't exist!`);
      if (this.byName.has(create.alias_name))
        return failed(409, `Wrong input: Collection \`${create.alias_name}\` already exists!`);
      next.set(create.alias_name, create.collection_name);
    }
    this.aliases.clear();
    for (const [alias, collection] of next) this.aliases.set(alias, collection);
    return ok(true);
  }

  shardKeys(collection: Collection, method: string, gone: boolean, body: KeyBody): Answer {
    const known = [...new Set([...collection.shards.values()].flatMap(({ key }) => (key === undefined ? [] : [key])))];
    if (method === "GET") return ok({ shard_keys: collection.custom ? known.map((key) => ({ key })) : null });
    const { shard_key: key, placement, shards_number: number = collection.shardNumber } = body;
    if (!collection.custom) return failed(400, `Bad request: Shard Key ${key} cannot be created with Auto sharding method`);
    if (gone) {
      if (!known.includes(key))
        return failed(400, `Bad request: Sharding key ${key} does not exist for collection ${collection.name}`);
      for (const [id, shard] of collection.shards) if (shard.key === key) collection.shards.delete(id);
      return ok(true);
    }
    if (known.includes(key))
      return failed(400, `Bad request: Sharding key ${key} already exists for collection ${collection.name}`);
    const stranger = placement?.find((peer) => !this.#peers.some(({ id }) => id === peer));
    if (stranger !== undefined) return failed(400, `Bad request: Peer ${stranger} does not exist`);
    const factor = body.replication_factor ?? collection.replicationFactor;
    const among = placement ?? this.#peersFrom(collection.shards.size, this.#peers.length);
    for (let n = 0; n < number; n++)
      this.#addShard(
        collection,
        Array.from({ length: Math.min(factor, among.length) }, (_, at) => among[(n + at) % among.length]!),
        key,
      );
    return ok(true);
  }
}
