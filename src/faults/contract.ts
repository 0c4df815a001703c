import type { ProcessIdentity } from "../process-identity.ts";
import type { Clock } from "../runtime.ts";

/**
 * A fault's life (DESIGN.md, "Fault"): prepare → record on disk → the watchdog acknowledges it → inject → the lease is
 * renewed for as long as the fault shall last → heal → probe proves it → the record goes. Healing is data, not a
 * closure: whoever finds the record, in whatever process, must be able to undo what it says.
 */

type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

/** How long a fault outlives an injector that has stopped renewing; and how often a living one renews. */
export const leaseTtlMs = 5_000;
export const leaseRenewMs = 1_000;

/** How a node is reached by faults, as plain data: what `heal` needs in a process that knows nothing else. */
export interface ProcessTarget {
  kind: "process";
  node: string;
  /** The process that had the node when the fault was prepared. */
  process: ProcessIdentity;
  /** Answers 2xx when the node serves. */
  readyUrl: string;
  /** Who can start it again; absent for a node known by its pid file alone. */
  supervisor?: { dir: string; clusterId: string };
}

/** Containers, pods, proxies, ssh: each becomes a member here and a line of `targets`. */
export type Target = ProcessTarget;
export type TargetKind = Target["kind"];

/** What is on disk before anything is broken. Immutable once written: the lease is renewed beside it, so nobody can resurrect a healed record. */
export interface HealRecord {
  schemaVersion: 1;
  id: string;
  /** The command that injected it; several records may share one. */
  act: string;
  fault: string;
  cluster: string;
  target: Target;
  /** What this kind of fault needs to be undone beyond the target. */
  undo: Json;
  createdAt: number;
  lease: {
    owner: ProcessIdentity;
    ttlMs: number;
    /** True: the user asked for no end, so only `chaos heal`, or a probe that says "gone", ends it. */
    hold: boolean;
  };
}

/** active: the fault is there. gone: proven not to be. unknown: neither could be shown. */
export type Probe = "active" | "gone" | "unknown";

export interface FaultDeps {
  clock: Clock;
  /** Gives up what is being waited for; a heal that was begun can be begun again. */
  signal?: AbortSignal;
}

/** One kind of fault, a file of its own. */
export interface Fault<Options = unknown> {
  readonly name: string;
  readonly summary: string;
  readonly targets: readonly TargetKind[];
  /** False: cannot be undone, and is asked for twice. */
  readonly reversible: boolean;
  /** How long healing may take until a probe must say "gone". */
  readonly healTimeoutMs: number;
  /**
   * What `undo` of the record will hold. Changes nothing.
   * @throws RagctlError where this fault cannot be injected there, or could not be undone
   */
  prepare(target: Target, options: Options, deps: FaultDeps): Promise<Json>;
  /** Breaks it. The record is on disk by now. Checks the target's identity before it touches anything. */
  inject(record: HealRecord, deps: FaultDeps): Promise<void>;
  /** Undoes it: idempotent, bounded in time, harmless where nothing was injected or the target is no longer the same. */
  heal(record: HealRecord, deps: FaultDeps): Promise<void>;
  probe(record: HealRecord, deps: FaultDeps): Promise<Probe>;
}
