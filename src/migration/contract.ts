import type { ClusterNodes } from "../cluster/nodes.ts";
import type { Clock, Rng } from "../runtime.ts";
import type { StateStore } from "../state/contract.ts";
import type { DataFace, StoreCapabilities } from "../stores/contract.ts";

/** What a migration is told to write down before and after each thing that it does; durable when it returns. */
export interface Journal {
  /** @param name of the plan's step and the phase: `s1/copy` */
  record(name: string, phase: "start" | "end", detail?: unknown): void;
}

/** The right to change something, which may end: a lock with its lease, or a test's fiat. */
export interface Fence {
  /** Whether a request that is sent now has its answer, or its timeout, before the right can pass to somebody else. @throws RagctlError exit 7 where not */
  ensure(): void;
  /** A request of ours may still land and nobody could be told: whoever takes the lock next must wait. */
  leaveUnclean(): void;
}

/** Slows copying down. */
export interface Throttle {
  /** Waits for its turn: so many points, so many bytes. */
  take(points: number, bytes: number, signal: AbortSignal): Promise<void>;
}

/** Holds copying back while the cluster has enough to do. */
export interface Governor {
  /** Resolves at once while all is well. @throws RagctlError exit 5 where it lasts longer than the mover may wait */
  calm(signal: AbortSignal): Promise<void>;
}

/** What every tracked copy works with. */
export interface MoverDeps {
  collection: string;
  /** What the nodes call it, which `face` is made for: the table must say the same. Absent: whatever the table says. */
  physical?: string;
  state: StateStore;
  nodes: ClusterNodes;
  face: DataFace;
  capabilities: StoreCapabilities;
  clock: Clock;
  rng: Rng;
  /** "One request timeout" of ROUTING.md, of every client of the cluster. */
  requestTimeoutMs: number;
  /** An earlier mover may have gone with requests on their way: what they do is awaited before anything is compared. */
  unclean: boolean;
  /** How long to wait for a node or a client before giving up with exit 5. */
  patienceMs: number;
  fence: Fence;
  throttle: Throttle;
  governor: Governor;
  journal: Journal;
  /** Stop now: nothing more is sent. */
  signal: AbortSignal;
  /** Something about what is going on, for people. */
  note: (text: string) => void;
  /** Points and bytes that were written to targets. */
  onCopied: (points: number, bytes: number) => void;
}

export const unlimited: Throttle = { take: () => Promise.resolve() };
export const alwaysCalm: Governor = { calm: () => Promise.resolve() };
