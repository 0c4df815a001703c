import type { FailedNode } from "./set-aside.ts";
import type { PlannedKey } from "./write-plan.ts";

/** One request of a batch to one node, and what became of it. */
export interface Sent {
  node: number;
  keys: readonly PlannedKey[];
  failure?: { message: string; mayLand: boolean; status?: number };
  /** It hangs, and its answer may still come. */
  silent?: true;
}

interface KeyTally {
  /** Owners that have it. */
  acks: number;
  failures: { node: number; message: string; mayLand: boolean; status?: number }[];
}

/** What the answers mean for each key and each node. */
export function tallyOf(sent: readonly Sent[]): { of(planned: PlannedKey): KeyTally; failedNodes: FailedNode[] } {
  const byKey = new Map<PlannedKey, KeyTally>();
  const of = (planned: PlannedKey) => {
    let tally = byKey.get(planned);
    if (!tally) byKey.set(planned, (tally = { acks: 0, failures: [] }));
    return tally;
  };
  for (const { node, keys, failure } of sent)
    for (const planned of keys) {
      if (failure) of(planned).failures.push({ node, ...failure });
      else if (planned.owners.includes(node)) of(planned).acks++;
    }
  const failedNodes = new Map<number, FailedNode>();
  for (const { node, keys, failure } of sent) {
    if (!failure) continue;
    const known = failedNodes.get(node) ?? { node, mayLand: false, gains: 0, message: failure.message };
    known.mayLand ||= failure.mayLand;
    // Only what is stored somewhere can be acknowledged, and so needs the node out of the way.
    known.gains += keys.filter((planned) => of(planned).acks > 0).length;
    failedNodes.set(node, known);
  }
  return { of, failedNodes: [...failedNodes.values()] };
}
