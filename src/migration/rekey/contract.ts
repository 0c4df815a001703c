import type { NativeSend } from "../../cluster/native/send.ts";
import type { RekeyStep } from "../../sharding/plan/contract.ts";
import type { StateStore } from "../../state/contract.ts";
import type { DataFace, StoreCapabilities, StoreControl } from "../../stores/contract.ts";
import type { Clock } from "../../runtime.ts";
import type { Fence, Governor, Journal, Throttle } from "../contract.ts";

/** What a copy of a native collection into another works with. */
export interface RekeyDeps {
  /** The name that clients use. */
  collection: string;
  planId: string;
  step: RekeyStep;
  state: StateStore;
  sender: Pick<NativeSend, "read" | "write" | "control">;
  face: (physical: string) => DataFace;
  /** By node of the config, for what says where shards are to be. */
  nodes: readonly { id: string; control: StoreControl }[];
  vectorName: string | undefined;
  capabilities: StoreCapabilities;
  clock: Clock;
  requestTimeoutMs: number;
  patienceMs: number;
  /** An earlier mover of this may have gone with requests on their way. */
  unclean: boolean;
  fence: Fence;
  throttle: Throttle;
  governor: Governor;
  journal: Journal;
  signal: AbortSignal;
  note: (text: string) => void;
  onCopied: (points: number, bytes: number) => void;
}

/** A write of ours was not answered, or not carried out for a reason that passes: what it wrote is awaited, and looked at anew. */
export class Unsettled extends Error {}
