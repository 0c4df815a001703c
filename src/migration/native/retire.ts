import { ExitCode, RagctlError } from "../../errors.ts";
import type { NativeAccess } from "./contract.ts";
import { lookAround } from "./observe.ts";

/**
 * Takes an emptied peer out of the store's cluster. Its storage must be wiped before it may come back.
 * @param node of the config, or `peer-…`
 * @throws RagctlError exit 7 where it holds a replica of any collection, or the consensus has no quorum; exit 2 where it is no
 *   member; exit 3 where the store refuses
 */
export async function retirePeer(access: NativeAccess, node: string, waitSec: number): Promise<void> {
  const look = await lookAround(access);
  const peer = look.nodes.find(({ id }) => id === node);
  if (peer?.peerId === undefined)
    throw new RagctlError(`it is not known which peer of the cluster ${node} is`, {
      code: "peer-unknown",
      exitCode: ExitCode.usage,
      hint: `The cluster has ${look.nodes.map(({ id }) => id).join(", ")}.`,
    });
  const through = access.nodes.find(({ id }) => id !== node && look.nodes.some((each) => each.id === id && each.alive));
  if (!through || !look.consensus.quorum)
    throw refuse(
      "no-quorum",
      `${node} cannot be taken out: ${look.consensus.problem ?? "no other node answers"}`,
      "Bring enough nodes back first.",
    );
  // Not of this collection alone: the store would refuse too, in other words.
  for (const collection of await through.control.listCollections()) {
    const view = await through.control.cluster.collection(collection);
    const held = new Set((view?.replicas ?? []).filter(({ peerId }) => peerId === peer.peerId).map(({ shardId }) => shardId));
    if (held.size > 0)
      throw refuse(
        "peer-holds-shards",
        `${node} still holds ${held.size} ${held.size === 1 ? "shard" : "shards"} of collection "${collection}"`,
        `ragctl shard plan --collection ${collection} --remove ${node} empties it.`,
      );
  }
  await through.control.cluster.removePeer(peer.peerId, { waitSec });
}

function refuse(code: string, message: string, hint: string): RagctlError {
  return new RagctlError(message, { code, exitCode: ExitCode.refused, hint });
}
