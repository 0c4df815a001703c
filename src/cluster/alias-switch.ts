import { RagctlError } from "../errors.ts";
import { isAlive } from "../process-identity.ts";
import type { Clock } from "../runtime.ts";
import {
  committed,
  newAliasRecord,
  undo,
  type AliasChange,
  type AliasRecord,
  type AliasSwitch,
} from "../sharding/alias-record.ts";
import type { LockOwner, StateStore } from "../state/contract.ts";
import { isLayoutOf, physicalOf, type RoutingTable } from "../sharding/table.ts";
import type { StoreControl } from "../stores/contract.ts";

/** Whoever switches an alias, or finishes a switch that somebody left, holds it. */
export const aliasLock = (alias: string): string => `alias:${alias}`;

/** Where an alias must be: by node; of a cluster that shards by itself, `cluster` alone. */
export type AliasPlaces = ReadonlyMap<
  string,
  Pick<StoreControl, "listAliases" | "updateAliases" | "listCollections" | "deleteCollection">
>;

export interface Settled {
  record: AliasRecord | undefined;
  /** What became of a switch that was found open; undefined: there was none. */
  outcome?: "undone" | "finished" | "unfinished";
  /** Nodes that could not be told yet, and why. */
  waiting: { node: string; reason: string }[];
}

/**
 * Changes an alias's record by compare-and-set, from what the store holds now.
 * @returns the record as it is then, and why it was refused, if it was
 */
export async function changeAlias(
  state: StateStore,
  alias: string,
  change: (record: AliasRecord) => AliasChange,
): Promise<{ record: AliasRecord; refused?: string }> {
  for (;;) {
    const record = (await state.getAlias(alias)) ?? newAliasRecord(alias);
    const next = change(record);
    if (next === "unchanged") return { record };
    if ("refused" in next) return { record, refused: next.refused };
    if (await state.compareAndSetAlias(next.record)) return { record: next.record };
  }
}

/**
 * Gives one node the alias, in one action of that node, whatever it had before; harmless where it has it already. A collection of
 * that name goes first where the switch replaces one: between the two, and only there, the name means nothing to the node. One that
 * was built anew is called otherwise, and goes afterwards.
 */
export async function giveAlias(
  control: Pick<StoreControl, "listAliases" | "updateAliases" | "listCollections" | "deleteCollection">,
  { alias, to, replaces }: { alias: string } & Pick<AliasSwitch, "to" | "replaces">,
): Promise<void> {
  const aliases = await control.listAliases();
  const held = aliases.find((other) => other.alias === alias);
  // A collection that was built anew is an alias itself there, and none of another can be made.
  const collection = realName(aliases, to);
  if (held?.collection === collection) return;
  if (replaces && !held && (await control.listCollections()).includes(alias)) await control.deleteCollection(alias);
  await control.updateAliases([...(held ? [{ delete: { alias } }] : []), { create: { alias, collection } }]);
  if (replaces && held && isLayoutOf(held.collection, alias)) await control.deleteCollection(held.collection);
}

/** The collection that a name means to a node whose aliases these are. */
export function realName(aliases: readonly { alias: string; collection: string }[], name: string): string {
  return aliases.find(({ alias }) => alias === name)?.collection ?? name;
}

/** Gives a node that came new, or came back empty, every alias that stands for this collection, its own name among them where the nodes call it otherwise. */
export async function giveAliases(
  state: StateStore,
  table: Pick<RoutingTable, "collection" | "physical" | "beside">,
  control: Parameters<typeof giveAlias>[0],
): Promise<void> {
  const { collection, beside } = table;
  const to = physicalOf(table);
  for (const record of await state.aliases())
    if (record.collection === collection && !record.switch)
      await giveAlias(control, { alias: record.alias, to, replaces: false });
  // Until the layout before is dropped, the name is its own; a node that was away then may have it still.
  if (to !== collection && !beside) await giveAlias(control, { alias: collection, to, replaces: true });
}

/**
 * The second phase, from wherever it is: every node that lacks the decided alias gets it, all at once. Nodes that are in no table
 * any more are passed over. The caller holds the alias's lock.
 * @param ensure throws where the lock is not ours any more; asked before each node
 * @param told of each node that has it, before that is written down
 */
export async function commitSwitch(
  state: StateStore,
  record: AliasRecord,
  places: AliasPlaces,
  ensure: () => void | Promise<void>,
  told: (node: string) => void = () => undefined,
): Promise<Settled> {
  const open = record.switch;
  if (open?.phase !== "committing") return { record, waiting: [] };
  const { alias } = record;
  if (open.replaces) await dropTableOf(state, alias);
  const waiting: Settled["waiting"] = [];
  await Promise.all(
    open.nodes
      .filter((node) => !open.done.includes(node))
      .map(async (node) => {
        const control = places.get(node);
        try {
          await ensure();
          if (control) await giveAlias(control, { alias, to: open.to, replaces: open.replaces });
        } catch (error) {
          if (!(error instanceof RagctlError)) throw error;
          waiting.push({ node, reason: error.message });
          return;
        }
        told(node);
        await changeAlias(state, alias, (now) => committed(now, open.id, node));
      }),
  );
  const after = await state.getAlias(alias);
  return { record: after, outcome: waiting.length === 0 ? "finished" : "unfinished", waiting };
}

/** The table of a collection that an alias replaces: from the decision on, nobody routes by it. */
async function dropTableOf(state: StateStore, collection: string): Promise<void> {
  for (let table = await state.getTable(collection); table; table = await state.getTable(collection))
    if (await state.dropTable(collection, table.epoch)) return;
}

/** Finishes a switch that was decided, undoes one that was not. The caller holds the alias's lock. */
export async function settleSwitch(
  state: StateStore,
  alias: string,
  placesOf: (record: AliasRecord) => Promise<AliasPlaces>,
  ensure: () => void | Promise<void> = () => undefined,
): Promise<Settled> {
  const record = await state.getAlias(alias);
  if (!record?.switch) return { record, waiting: [] };
  if (record.switch.phase === "committing") return await commitSwitch(state, record, await placesOf(record), ensure);
  const { id } = record.switch;
  const { record: after, refused } = await changeAlias(state, alias, (now) => undo(now, id));
  // Decided meanwhile, by one whose lock ran out: then it is finished instead.
  if (refused !== undefined) return await commitSwitch(state, after, await placesOf(after), ensure);
  return { record: after, outcome: "undone", waiting: [] };
}

export interface Leftover {
  state: StateStore;
  clock: Clock;
  owner: LockOwner;
  requestTimeoutMs: number;
  placesOf: (record: AliasRecord) => Promise<AliasPlaces>;
}

/** What a client without a process of its own puts into a lock: nobody can see whether it is dead, so its lease must end. */
export const noProcess = 0;

/**
 * Settles a switch that somebody left, if nobody is at it: whoever began it is dead, or its lease has ended.
 * @returns undefined where somebody is at it
 */
export async function settleLeftover(alias: string, leftover: Leftover): Promise<Settled | undefined> {
  const { state, clock, owner, requestTimeoutMs, placesOf } = leftover;
  const name = aliasLock(alias);
  const ttlMs = 10_000 + 4 * requestTimeoutMs;
  const before = (await state.locks()).find((lock) => lock.name === name);
  let attempt = await state.acquireLock(name, owner, ttlMs);
  if (!attempt.acquired && isGone(attempt.holder.owner, owner.host))
    attempt = await state.acquireLock(name, owner, ttlMs, attempt.holder.token);
  if (!attempt.acquired) return undefined;
  const { token } = attempt;
  try {
    // What the holder before had sent may still land: after it, ours must.
    if (before) await clock.sleep(requestTimeoutMs);
    return await settleSwitch(state, alias, placesOf, async () => {
      if (!(await state.renewLock(name, token, ttlMs)))
        throw new RagctlError(`the lock "${name}" was taken over by another process`, { code: "lock-lost", exitCode: 5 });
    });
  } finally {
    await state.releaseLock(name, token).catch(() => undefined);
  }
}

function isGone(holder: LockOwner, host: string): boolean {
  return holder.host === host && holder.pid !== noProcess && !isAlive(holder);
}
