import type { DatabaseSync } from "node:sqlite";
import type { Clock } from "../runtime.ts";
import { checkName, type CollectionConfig } from "./collection-config.ts";
import { Collection } from "./collection.ts";
import { transaction } from "./database.ts";
import { badFormat, collectionExists, collectionMissing, NodeFault } from "./fault.ts";
import { Indexer } from "./indexer.ts";
import { asArray, asObject, checkFields, text, type Body } from "./requests.ts";

/** Fewer changed points than this are not worth saving the graphs for: indexing them anew takes half a second. */
const saveFrom = 1000;

/** All collections of a node, by name or alias. */
export class Catalog {
  readonly indexer: Indexer;
  readonly #db: DatabaseSync;
  readonly #dir: string;
  readonly #byName = new Map<string, Collection>();
  #aliases = new Map<string, string>();

  constructor(db: DatabaseSync, dir: string, clock: Clock) {
    this.#db = db;
    this.#dir = dir;
    this.indexer = new Indexer(clock);
    const rows = db.prepare("SELECT uid, name, config, version FROM collections").all() as unknown as {
      uid: number;
      name: string;
      config: string;
      version: number;
    }[];
    for (const { uid, name, config, version } of rows)
      this.#add(name, new Collection(db, dir, { uid, version, config: JSON.parse(config) as CollectionConfig }));
    for (const { alias, name } of db.prepare("SELECT alias, name FROM aliases JOIN collections USING (uid)").all() as unknown as {
      alias: string;
      name: string;
    }[])
      this.#aliases.set(alias, name);
  }

  names(): string[] {
    return [...this.#byName.keys()];
  }

  entries(): IterableIterator<[string, Collection]> {
    return this.#byName.entries();
  }

  /** By name or alias; 404 where there is neither. */
  get(name: string): Collection {
    const found = this.#find(name);
    if (!found) throw collectionMissing(name);
    return found;
  }

  has(name: string): boolean {
    return this.#find(name) !== undefined;
  }

  create(name: string, config: CollectionConfig): void {
    checkName(name);
    if (this.has(name)) throw collectionExists(name);
    const collection = transaction(this.#db, () => {
      const { lastInsertRowid } = this.#db
        .prepare("INSERT INTO collections(name, config, version) VALUES (?, ?, 0)")
        .run(name, JSON.stringify(config));
      return new Collection(this.#db, this.#dir, { uid: Number(lastInsertRowid), version: 0, config });
    });
    this.#add(name, collection);
  }

  /** By its name alone, not by an alias, as in Qdrant. False where there is none. */
  delete(name: string): boolean {
    const collection = this.#byName.get(name);
    if (!collection) return false;
    transaction(this.#db, () => {
      this.#db.prepare("DELETE FROM collections WHERE uid = ?").run(collection.uid);
      this.#db.prepare("DELETE FROM aliases WHERE uid = ?").run(collection.uid);
      collection.drop();
    });
    this.indexer.forget(collection.spaces);
    this.#byName.delete(name);
    for (const [alias, of] of this.#aliases) if (of === name) this.#aliases.delete(alias);
    collection.removeFiles();
    return true;
  }

  aliases(of?: string): { alias_name: string; collection_name: string }[] {
    return [...this.#aliases]
      .filter(([, name]) => of === undefined || name === of)
      .map(([alias_name, collection_name]) => ({ alias_name, collection_name }));
  }

  /** `{actions: [{create_alias} | {delete_alias} | {rename_alias}]}`: all of them, or none. */
  changeAliases(body: Body): void {
    checkFields(body, new Set(["actions"]), "a change of aliases");
    const changed = new Map(this.#aliases);
    for (const action of asArray(body["actions"], "actions")) this.#applyAction(changed, asObject(action, "an action"));
    transaction(this.#db, () => {
      this.#db.exec("DELETE FROM aliases");
      const insert = this.#db.prepare("INSERT INTO aliases SELECT ?, uid FROM collections WHERE name = ?");
      for (const [alias, name] of changed) insert.run(alias, name);
    });
    this.#aliases = changed;
  }

  /** Saves the graphs of collections with many changes since the last time; all that changed, with `force`. */
  async saveGraphs({ force }: { force: boolean }): Promise<void> {
    for (const collection of this.#byName.values()) {
      const enough = force ? 1 : Math.max(saveFrom, collection.count / 20);
      if (collection.unsaved >= enough) await collection.saveGraphs();
    }
  }

  #applyAction(aliases: Map<string, string>, action: Body): void {
    const [kind, value, ...others] = Object.entries(action).flat();
    const names = asObject(value, String(kind));
    if (others.length > 0) throw badFormat("an alias action is one of create_alias, delete_alias, rename_alias");
    if (kind === "create_alias") {
      const [alias, target] = [text(names, "alias_name"), text(names, "collection_name")];
      checkName(alias);
      if (this.#byName.has(alias)) throw collectionExists(alias);
      if (!this.#byName.has(target)) throw collectionMissing(target);
      aliases.set(alias, target);
    } else if (kind === "delete_alias") aliases.delete(text(names, "alias_name"));
    else if (kind === "rename_alias") {
      const [from, to] = [text(names, "old_alias_name"), text(names, "new_alias_name")];
      checkName(to);
      const target = aliases.get(from);
      if (target === undefined) throw new NodeFault(404, `Not found: Alias ${from} does not exists!`);
      if (this.#byName.has(to)) throw collectionExists(to);
      aliases.delete(from);
      aliases.set(to, target);
    } else throw badFormat(`unknown alias action \`${String(kind)}\``);
  }

  #find(name: string): Collection | undefined {
    return this.#byName.get(name) ?? this.#byName.get(this.#aliases.get(name) ?? "");
  }

  #add(name: string, collection: Collection): void {
    this.#byName.set(name, collection);
    this.indexer.add(collection.spaces);
  }
}
