import type { NativeSend } from "../../cluster/native/send.ts";
import type { RekeyStep } from "../../sharding/plan/contract.ts";
import type { DataFace, StoreControl } from "../../stores/contract.ts";
import type { MoverDeps } from "../contract.ts";

/** What a copy of a native collection into another works with: what every mover does, but for nodes of our own. */
export interface RekeyDeps extends Omit<MoverDeps, "physical" | "nodes" | "face" | "rng"> {
  planId: string;
  step: RekeyStep;
  sender: Pick<NativeSend, "read" | "write" | "control">;
  face: (physical: string) => DataFace;
  /** By node of the config, for what says where shards are to be. */
  nodes: readonly { id: string; control: StoreControl }[];
  vectorName: string | undefined;
}

/** A write of ours was not answered, or not carried out for a reason that passes: what it wrote is awaited, and looked at anew. */
export class Unsettled extends Error {}
