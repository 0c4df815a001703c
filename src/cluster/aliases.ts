import { ExitCode, RagctlError } from "../errors.ts";
import type { AliasRecord } from "../sharding/alias-record.ts";
import type { StateStore } from "../state/contract.ts";

/** The collection that a name stands for now: an alias's, and every other name itself. */
export async function targetOf(state: Pick<StateStore, "getAlias">, name: string): Promise<string> {
  return (await state.getAlias(name))?.collection ?? name;
}

/** What people call the collections that have a table: releases go by their alias. Sorted. */
export function namesIn(tables: readonly { collection: string }[], aliases: readonly AliasRecord[]): string[] {
  const releases = new Set(aliases.flatMap((record) => record.releases.map(({ collection }) => collection)));
  const serving = aliases.filter(({ collection }) => collection !== null).map(({ alias }) => alias);
  const others = tables.map(({ collection }) => collection).filter((name) => !releases.has(name));
  return [...new Set([...serving, ...others])].toSorted();
}

export function aliasIsNoCollection(name: string): RagctlError {
  return new RagctlError(`${name} is an alias, kept by ragctl ingest --into-new: it is switched, not dropped.`, {
    code: "is-alias",
    exitCode: ExitCode.refused,
    hint: `ragctl ingest status --collection ${name} shows the collections behind it.`,
  });
}
