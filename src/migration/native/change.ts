import { RagctlError } from "../../errors.ts";
import type { ShardChange, TransferMethod } from "../../stores/contract.ts";
import type { NativeLook, NativeRunDeps } from "./contract.ts";
import type { StepAction } from "./step-state.ts";

/** `agreed`: it began. `refused`: the store said why not. `unknown`: no answer; it may begin yet. */
export type ChangeOutcome = { kind: "agreed" } | { kind: "refused" | "unknown"; message: string };

export type Change = (StepAction & { method?: TransferMethod }) | { kind: "abort"; shardId: number; from: string; to: string };

/**
 * Asks for a change through one node, journalled before and after. Never asks twice: who sees `unknown` looks again first.
 * @param turn which of the nodes that answer to ask, the leader being the first
 */
export async function requestChange(
  step: string,
  change: Change,
  look: NativeLook,
  deps: NativeRunDeps,
  turn: number,
): Promise<ChangeOutcome> {
  const { access, journal, fence, timing, hardSignal } = deps;
  fence.ensure();
  const candidates = look.nodes.filter(({ alive }) => alive);
  const order = candidates.toSorted((a, b) => Number(b.id === look.consensus.leader) - Number(a.id === look.consensus.leader));
  const through = order[turn % order.length]!.id;
  const { control } = access.nodes.find(({ id }) => id === through)!;
  const name = `${step}/${change.kind}`;
  journal.record(name, "start", { ...change, through });
  let outcome: ChangeOutcome = { kind: "agreed" };
  try {
    await control.cluster.change(access.collection, inPeers(change, look), { waitSec: timing.waitSec, signal: hardSignal });
  } catch (error) {
    hardSignal.throwIfAborted();
    if (!(error instanceof RagctlError)) throw error;
    // A refused key is the user's to put right; asking again changes nothing.
    if (error.code === "node-refused-key") throw error;
    outcome = { kind: error.code === "store-refused" && !isTimeout(error) ? "refused" : "unknown", message: error.message };
  }
  journal.record(name, "end", outcome);
  return outcome;
}

/** 408, or a 4xx that speaks of waiting: the agreement may come later. */
function isTimeout({ message, details }: RagctlError): boolean {
  return (details as { status?: number } | undefined)?.status === 408 || /time(d )?-?out/i.test(message);
}

function inPeers(change: Change, { nodes }: NativeLook): ShardChange {
  const peer = (id: string): number => {
    const peerId = nodes.find((node) => node.id === id)?.peerId;
    if (peerId === undefined)
      throw new RagctlError(`it is not known which peer of the cluster ${id} is, as it does not answer`, {
        code: "peer-unknown",
        exitCode: 7,
        hint: "Plan again: the new plan names the peer itself.",
      });
    return peerId;
  };
  const { shardId } = change;
  if (change.kind === "drop") return { kind: "drop", shardId, peerId: peer(change.from) };
  const between = { shardId, from: peer(change.from), to: peer(change.to) };
  if (change.kind === "abort") return { kind: "abort", ...between };
  return { kind: change.kind, ...between, ...(change.method && { method: change.method }) };
}
