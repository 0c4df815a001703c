/**
 * What a logical name (an alias) stands for, and how it comes to stand for something else: a commit in two phases over all nodes.
 * Pure: each function gives the record after a change, for compare-and-set on the version before it. Plain JSON.
 *
 * Until `decide`, nodes are only looked at, and `undo` ends it without a trace; from `decide` on, ragctl's clients read the new
 * collection, and what is left is to tell every node, which can be repeated any number of times.
 */
export interface AliasRecord {
  schemaVersion: 1;
  alias: string;
  /** Of compare-and-set: 1 for the first. */
  version: number;
  /** The collection that clients read under this name; null: no release has been switched to yet. */
  collection: string | null;
  /** What was built under this name and is not dropped yet; the newest first. */
  releases: Release[];
  /** A switch under way: not decided yet, or not on every node yet. */
  switch?: AliasSwitch;
}

export interface Release {
  id: string;
  collection: string;
  createdAtMs: number;
  /** `building`: not verified, or verified and found wrong; `ready`: it may be switched to. */
  state: "building" | "ready";
  points?: number;
  /** When it began to serve under the name, the last time. */
  servedAtMs?: number;
  /** What served before it, the last time that it was switched to: where a rollback leads. */
  before?: string | null;
}

export interface AliasSwitch {
  id: string;
  kind: "release" | "rollback";
  from: string | null;
  to: string;
  phase: "preparing" | "committing";
  /** Every node that must have it. */
  nodes: string[];
  /** While preparing: who has said that it can. While committing: who has it. */
  done: string[];
  /** A collection of the alias's own name stands in the way, and goes from each node in the moment in which the alias comes. */
  replaces: boolean;
}

/** A record after a change; or why it must not be. */
export type AliasChange = { record: AliasRecord } | { refused: string } | "unchanged";

export function newAliasRecord(alias: string): AliasRecord {
  return { schemaVersion: 1, alias, version: 0, collection: null, releases: [] };
}

function next(record: AliasRecord, changes: Partial<AliasRecord>): { record: AliasRecord } {
  return { record: { ...record, ...changes, version: record.version + 1 } };
}

function withoutSwitch({ switch: _ended, ...record }: AliasRecord): AliasRecord {
  return record;
}

/** A release that is about to be built. */
export function addRelease(record: AliasRecord, release: Release): AliasChange {
  if (record.releases.some(({ id }) => id === release.id)) return { refused: `release ${release.id} exists` };
  return next(record, { releases: [release, ...record.releases] });
}

/** What verification found: with how many points it may be switched to. */
export function markReady(record: AliasRecord, id: string, points: number): AliasChange {
  if (!record.releases.some((release) => release.id === id)) return { refused: `release ${id} is not there any more` };
  return next(record, {
    releases: record.releases.map((release) => (release.id === id ? { ...release, state: "ready", points } : release)),
  });
}

/** A release that nobody reads is forgotten. */
export function dropRelease(record: AliasRecord, id: string): AliasChange {
  const release = record.releases.find((other) => other.id === id);
  if (!release) return "unchanged";
  if (release.collection === record.collection) return { refused: `${record.alias} stands for release ${id}` };
  if (record.switch && [record.switch.from, record.switch.to].includes(release.collection))
    return { refused: `release ${id} is part of a switch under way` };
  return next(record, { releases: record.releases.filter((other) => other !== release) });
}

/** Phase one begins. */
export function beginSwitch(
  record: AliasRecord,
  { id, kind, to, nodes, replaces }: Pick<AliasSwitch, "id" | "kind" | "to" | "nodes" | "replaces">,
): AliasChange {
  if (record.switch) return { refused: `a switch of ${record.alias} is under way already` };
  const release = record.releases.find(({ collection }) => collection === to);
  if (!release) return { refused: `${to} is no release of ${record.alias}` };
  if (release.state !== "ready") return { refused: `release ${release.id} is not verified` };
  if (record.collection === to) return { refused: `${record.alias} stands for ${to} already` };
  return next(record, { switch: { id, kind, from: record.collection, to, phase: "preparing", nodes, done: [], replaces } });
}

/** One node can take the new collection: its word, kept. */
export function prepared(record: AliasRecord, id: string, node: string): AliasChange {
  const { switch: open } = record;
  if (open?.id !== id || open.phase !== "preparing") return { refused: "this switch was ended by somebody else" };
  if (open.done.includes(node)) return "unchanged";
  return next(record, { switch: { ...open, done: [...open.done, node] } });
}

/** The one decision. Refused unless every node is prepared. */
export function decide(record: AliasRecord, id: string, nowMs: number): AliasChange {
  const { switch: open } = record;
  if (open?.id !== id || open.phase !== "preparing") return { refused: "this switch was ended by somebody else" };
  const missing = open.nodes.filter((node) => !open.done.includes(node));
  if (missing.length > 0) return { refused: `${missing.join(", ")} did not prepare` };
  const before = record.releases.find(({ collection }) => collection === open.from)?.id ?? null;
  const releases = record.releases.map((release): Release => {
    if (release.collection !== open.to) return release;
    // A rollback keeps the way that led to where it leads: the next one goes further back.
    return open.kind === "rollback" ? { ...release, servedAtMs: nowMs } : { ...release, servedAtMs: nowMs, before };
  });
  return next(record, { collection: open.to, releases, switch: { ...open, phase: "committing", done: [] } });
}

/** One node has it; with the last one the switch has ended. */
export function committed(record: AliasRecord, id: string, node: string): AliasChange {
  const { switch: open } = record;
  if (open?.id !== id || open.phase !== "committing" || open.done.includes(node)) return "unchanged";
  const done = [...open.done, node];
  if (open.nodes.every((other) => done.includes(other))) return next(withoutSwitch(record), {});
  return next(record, { switch: { ...open, done } });
}

/** Ends a switch that was not decided; what was decided cannot be undone, only rolled back by another switch. */
export function undo(record: AliasRecord, id: string): AliasChange {
  const { switch: open } = record;
  if (open?.id !== id) return "unchanged";
  if (open.phase === "committing") return { refused: `the switch of ${record.alias} to ${open.to} is decided` };
  return next(withoutSwitch(record), {});
}

/** Where `rollback` leads: to what served before, if it is still there. */
export function releaseBefore(record: AliasRecord): Release | undefined {
  const live = record.releases.find(({ collection }) => collection === record.collection);
  return record.releases.find(({ id, state }) => id === live?.before && state === "ready");
}

/**
 * What is not needed any more: all but the one that serves, the one before it and `keep` − 1 further ones of those that have
 * served, the newest first. What was never served is dropped as well, unless it is the one named.
 */
export function prunable(record: AliasRecord, keep: number): Release[] {
  const live = record.releases.find(({ collection }) => collection === record.collection);
  const wanted = new Set<Release | undefined>([live]);
  const before = releaseBefore(record);
  if (before && keep > 0) wanted.add(before);
  const served = record.releases
    .filter((release) => release.servedAtMs !== undefined && !wanted.has(release))
    .toSorted((a, b) => b.servedAtMs! - a.servedAtMs!);
  for (const release of served.slice(0, Math.max(0, keep - (wanted.size - 1)))) wanted.add(release);
  return record.releases.filter((release) => !wanted.has(release));
}
