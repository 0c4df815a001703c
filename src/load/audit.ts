import { formatDurationUs, formatPercent, plural } from "../units.ts";
import type { Counts } from "./recorder/tally.ts";
import type { LoadResult } from "./result.ts";
import type { WorkerReport } from "./threads/messages.ts";

type Warning = LoadResult["audit"][number];

export interface AuditInput {
  workers: readonly Pick<WorkerReport, "busy" | "eventLoopDelayUs" | "connectionsOpened" | "gc">[];
  counts: Counts;
  droppedForSockets: number;
  scheduleLagP99Us: number | undefined;
  /** False: closed loops alone, which have no schedule to lag behind. */
  paced: boolean;
}

/** Above these a run warns. None of them changes the verdict: the table of DESIGN.md alone does that. */
export const auditLimits = {
  busyShare: 0.8,
  eventLoopDelayUs: 5000,
  gcPauseUs: 20_000,
  gcShare: 0.05,
  scheduleLagUs: 2000,
  /** Linux has 28,232 ephemeral ports by default, each unusable for a minute after use. */
  connections: 20_000,
} as const;

/** Was the generator a part of what it measured? Each sign of it, with what to change. */
export function audit({ workers, counts, droppedForSockets, scheduleLagP99Us, paced }: AuditInput): Warning[] {
  const limits = auditLimits;
  const worst = (of: (worker: AuditInput["workers"][number]) => number | null) =>
    Math.max(0, ...workers.map((worker) => of(worker) ?? 0));
  const busy = worst((worker) => worker.busy);
  const delayUs = worst((worker) => worker.eventLoopDelayUs.p99);
  const pauseUs = worst((worker) => worker.gc?.longestUs ?? null);
  const gcShare = worst((worker) => worker.gc?.share ?? null);
  const lagUs = paced ? (scheduleLagP99Us ?? 0) : 0;
  const connections = workers.reduce((sum, worker) => sum + (worker.connectionsOpened ?? 0), 0);
  const checks: Warning[] = [
    {
      check: "cpu",
      value: busy,
      limit: limits.busyShare,
      unit: "share",
      message: `a worker was busy ${formatPercent(busy)} of the time: service times include waiting for it; more --workers, or a lower rate`,
    },
    {
      check: "event-loop-delay",
      value: delayUs,
      limit: limits.eventLoopDelayUs,
      unit: "us",
      message: `a worker's event loop answered ${formatDurationUs(delayUs)} late (p99): more --workers, smaller answers (k, payloads), or a machine with nothing else on it`,
    },
    {
      check: "gc-pause",
      value: pauseUs,
      limit: limits.gcPauseUs,
      unit: "us",
      message: `collecting garbage stopped a worker for up to ${formatDurationUs(pauseUs)}: answers of that moment look slower than they were; smaller answers, or more --workers`,
    },
    {
      check: "gc-share",
      value: gcShare,
      limit: limits.gcShare,
      unit: "share",
      message: `collecting garbage took ${formatPercent(gcShare)} of a worker's time: smaller answers, or more --workers`,
    },
    {
      check: "schedule-lag",
      value: lagUs,
      limit: limits.scheduleLagUs,
      unit: "us",
      message: `requests left up to ${formatDurationUs(lagUs)} after they were due (p99), which response times include: more --workers, or a machine of the generator's own`,
    },
    {
      check: "sockets",
      value: droppedForSockets,
      limit: 0,
      unit: "count",
      message: `${plural(droppedForSockets, "operation")} found no socket: raise ulimit -n and net.ipv4.ip_local_port_range, or lower --max-in-flight`,
    },
    {
      check: "connections",
      value: connections,
      limit: limits.connections,
      unit: "count",
      message: `${plural(counts.sent, "operation")} took ${plural(connections, "connection")}: the target closes them, and this machine may run out of ports`,
    },
  ];
  return checks.filter(({ value, limit }) => value > limit);
}
