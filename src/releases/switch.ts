import {
  changeAlias,
  commitSwitch,
  giveAlias,
  realName,
  settleSwitch,
  type AliasPlaces,
  type Settled,
} from "../cluster/alias-switch.ts";
import { ExitCode, RagctlError } from "../errors.ts";
import type { HeldLock } from "../migration/lock.ts";
import { beginSwitch, decide, prepared, undo, type AliasRecord, type AliasSwitch } from "../sharding/alias-record.ts";
import { holdAliasLock, placesOf, type ReleaseAccess } from "./access.ts";
import type { SwitchResult } from "./result.ts";

/** Told of each step before it is taken and after it; durable when it returns. */
export type StepJournal = (name: string, phase: "start" | "end", detail?: unknown) => void;

export interface SwitchDeps {
  access: ReleaseAccess;
  journal: StepJournal;
  signal: AbortSignal;
}

/** The lock of an alias, and nothing of an earlier holder left to land. */
export async function withAlias<T>(
  access: ReleaseAccess,
  alias: string,
  purpose: string,
  work: (lock: HeldLock) => Promise<T>,
): Promise<T> {
  const lock = await holdAliasLock(access, alias, purpose);
  try {
    // An action that the holder before had sent must not land after ours.
    if (lock.unclean) await access.runtime.clock.sleep(access.requestTimeoutMs);
    return await work(lock);
  } finally {
    await lock.release();
  }
}

/** Finishes or undoes what a dead process left of a switch. The caller holds the lock. */
export function settle(access: ReleaseAccess, alias: string, lock: HeldLock): Promise<Settled> {
  return settleSwitch(
    access.state,
    alias,
    (record) => placesOf(access, record),
    () => lock.fence.ensure(),
  );
}

/**
 * Switches an alias to a verified release: all nodes, or none. Every node prepares; one compare-and-set decides; every node
 * commits, and what cannot be reached then is left for whoever comes next. The caller holds the lock and has settled what was open.
 * @throws RagctlError exit 3 or 7 where some node cannot take it: nothing has changed then
 */
export async function switchAlias(
  spec: { alias: string; to: string; kind: AliasSwitch["kind"]; replaces: boolean },
  { access, journal, signal }: SwitchDeps,
  lock: HeldLock,
): Promise<SwitchResult> {
  const { alias, to, kind, replaces } = spec;
  const { state, runtime } = access;
  await requireWhole(access, to);
  const known = (await state.getAlias(alias))!;
  const places = await placesOf(access, { ...known, collection: to });
  const id = `${to}@${known.version}`;
  journal("begin", "start", { alias, from: known.collection, to });
  const begun = await changeAlias(state, alias, (record) =>
    beginSwitch(record, { id, kind, to, nodes: [...places.keys()], replaces }),
  );
  if (begun.refused !== undefined) throw refused(alias, begun.refused);
  journal("begin", "end");
  let decided: AliasRecord;
  try {
    const answers = await Promise.allSettled(
      [...places].map(async ([node, control]) => {
        journal(`prepare ${node}`, "start");
        await prepareNode(control, { alias, to, replaces }, node);
        signal.throwIfAborted();
        const { refused: why } = await changeAlias(state, alias, (record) => prepared(record, id, node));
        if (why !== undefined) throw refused(alias, why);
        journal(`prepare ${node}`, "end");
      }),
    );
    const failure = answers.find((answer) => answer.status === "rejected");
    if (failure) throw failure.reason;
    signal.throwIfAborted();
    lock.fence.ensure();
    journal("decide", "start");
    const decision = await changeAlias(state, alias, (record) => decide(record, id, runtime.clock.nowMs()));
    if (decision.refused !== undefined) throw refused(alias, decision.refused);
    decided = decision.record;
  } catch (error) {
    // Not decided, unless only the answer was lost: then the record says so, and it is finished by whoever looks next.
    await changeAlias(state, alias, (record) => undo(record, id)).catch(() => undefined);
    throw error;
  }
  journal("decide", "end");
  for (const node of places.keys()) journal(`commit ${node}`, "start");
  const { waiting } = await commitSwitch(
    state,
    decided,
    places,
    () => lock.fence.ensure(),
    (node) => journal(`commit ${node}`, "end"),
  );
  journal("switched", "end", { waiting });
  return switchResult({ alias, from: known.collection, to }, [...places.keys()], waiting);
}

export function switchResult(
  { alias, from, to }: { alias: string; from: string | null; to: string },
  nodes: readonly string[],
  waiting: Settled["waiting"],
): SwitchResult {
  return {
    alias,
    from,
    to,
    decided: true,
    nodes: nodes.map((id) => {
      const late = waiting.find(({ node }) => node === id);
      return late ? { id, state: "waiting", reason: late.reason } : { id, state: "switched" };
    }),
  };
}

/** Whether this node could take the alias now. @throws RagctlError where it could not */
async function prepareNode(
  control: AliasPlaces extends ReadonlyMap<string, infer C> ? C : never,
  { alias, to, replaces }: { alias: string; to: string; replaces: boolean },
  node: string,
): Promise<void> {
  const [collections, aliases] = await Promise.all([control.listCollections(), control.listAliases()]);
  if (!collections.includes(realName(aliases, to)))
    throw new RagctlError(`Node ${node} has no collection ${to}: nothing was switched.`, {
      code: "release-incomplete",
      exitCode: ExitCode.refused,
      hint: "ragctl shard repair gives it one; or build the release again.",
    });
  if (collections.includes(alias) && !replaces) throw nameTaken(alias, node);
}

/** A node that missed writes of the release would serve less than there is. */
async function requireWhole(access: ReleaseAccess, collection: string): Promise<void> {
  const table = await access.state.getTable(collection);
  const stale = Object.entries(table?.nodes ?? {}).filter(([, { state }]) => state === "stale");
  if (stale.length === 0) return;
  const names = stale.map(([id]) => id).join(", ");
  throw new RagctlError(`${names} missed writes of ${collection}, and applications that read it directly would not see them.`, {
    code: "release-stale",
    exitCode: ExitCode.refused,
    hint: `ragctl shard repair --collection ${collection} first.`,
  });
}

/** The alias cannot be where a collection has its name. */
export function nameTaken(alias: string, where: string): RagctlError {
  return new RagctlError(
    `${alias} is a collection${where === "" ? "" : ` on node ${where}`}, and an alias cannot have the name of one.`,
    {
      code: "alias-is-collection",
      exitCode: ExitCode.refused,
      hint:
        `--replace-collection builds and verifies the release first, and puts the alias in the collection's place in the moment of the switch ` +
        `(there is no way back to the old collection then); or choose another name with --collection.`,
    },
  );
}

function refused(alias: string, reason: string): RagctlError {
  return new RagctlError(`The alias ${alias} was not switched: ${reason}.`, {
    code: "switch-refused",
    exitCode: ExitCode.refused,
    hint: `ragctl ingest status --collection ${alias} shows what is there.`,
  });
}

/**
 * Every node that answers has the alias that the record says, also one that was away or came new. The caller holds the lock.
 * @returns nodes that could not be reached
 */
export async function alignNodes(access: ReleaseAccess, record: AliasRecord, lock: HeldLock): Promise<Settled["waiting"]> {
  const { alias, collection } = record;
  if (collection === null || record.switch) return [];
  const waiting: Settled["waiting"] = [];
  await Promise.all(
    [...(await placesOf(access, record))].map(async ([node, control]) => {
      try {
        lock.fence.ensure();
        await giveAlias(control, { alias, to: collection, replaces: false });
      } catch (error) {
        if (!(error instanceof RagctlError)) throw error;
        waiting.push({ node, reason: error.message });
      }
    }),
  );
  return waiting;
}
