import { dirname } from "node:path";
import type { ClusterConfig } from "../../config/schema.ts";
import { processStartTime } from "../../process-identity.ts";
import type { Runtime } from "../../runtime.ts";
import type { HealRecord } from "../contract.ts";
import { faultNamed } from "../index.ts";
import { journalDir, listRecords } from "../journal.ts";
import type { ActiveFault, Observation } from "./contract.ts";

/** Faults that last on this cluster by the journal of this machine: of this very process, and of anybody else. */
export function activeFaults(
  cluster: Pick<ClusterConfig, "name" | "source">,
  { pid, stateDir }: Pick<Runtime, "pid" | "stateDir">,
): Pick<Observation, "own" | "others"> {
  const records = listRecords(journalDir(stateDir))
    .entries.map(({ record }) => record)
    .filter((record) => isOf(record, cluster));
  if (records.length === 0) return { own: [], others: [] };
  const startTime = processStartTime(pid);
  const mine = ({ lease: { owner } }: HealRecord) => owner.pid === pid && owner.startTime === startTime;
  return {
    own: records.filter(mine).map(shown),
    others: records.filter((record) => !mine(record)).map(shown),
  };
}

/** Whether a record is about this cluster. Clusters of `up` are all called `local`: their directory tells them apart. */
export function isOf(record: HealRecord, { name, source }: Pick<ClusterConfig, "name" | "source">): boolean {
  if (record.cluster !== name) return false;
  const { target } = record;
  const dir = target.kind === "process" ? target.supervisor?.dir : target.kind === "proxy" ? target.dir : undefined;
  return dir === undefined || source.file === undefined || dir === dirname(source.file);
}

function shown({ id, fault, target: { node } }: HealRecord): ActiveFault {
  const known = faultNamed(fault);
  // One whose impact depends on options that the record does not hold is taken to silence.
  return { id, fault, node, silences: known?.impact !== "weakens" && known?.scope !== "cache" };
}
