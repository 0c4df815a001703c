import { ExitCode, RagctlError } from "../../errors.ts";
import type { CollectionView, PeerView } from "../../stores/contract.ts";
import type { NativeAccess } from "./contract.ts";

/** What one configured node answered. */
export interface NodeAnswer {
  id: string;
  url: string;
  zone?: string;
  weight: number;
  peer?: PeerView;
  collection?: CollectionView;
  /** Why it did not answer, or cannot be counted on. */
  problem?: string;
}

/**
 * Asks every node for its view of the cluster and of the collection, all at once.
 * @throws RagctlError exit 3 where none answers, exit 2 where the cluster mode is off or there is no such collection; the signal's reason
 */
export async function askNodes(access: NativeAccess, signal?: AbortSignal): Promise<NodeAnswer[]> {
  const errors: unknown[] = [];
  const answers = await Promise.all(
    access.nodes.map(async ({ id, url, zone, weight, control }): Promise<NodeAnswer> => {
      const node: NodeAnswer = { id, url, weight };
      if (zone !== undefined) node.zone = zone;
      try {
        const options = signal ? { signal } : {};
        const [peer, collection] = await Promise.all([
          control.cluster.peer(options),
          control.cluster.collection(access.collection, options),
        ]);
        if (!peer) return { ...node, problem: "runs without cluster mode" };
        return collection ? { ...node, peer, collection } : { ...node, peer };
      } catch (error) {
        signal?.throwIfAborted();
        if (!(error instanceof RagctlError)) throw error;
        errors.push(error);
        return { ...node, problem: `does not answer: ${error.message}` };
      }
    }),
  );
  requireAnswers(access, answers, errors);
  return answers;
}

function requireAnswers({ cluster, collection }: NativeAccess, answers: readonly NodeAnswer[], errors: readonly unknown[]): void {
  if (answers.some((answer) => answer.collection)) return;
  if (answers.some(({ peer }) => peer))
    throw new RagctlError(`cluster ${cluster} has no collection "${collection}"`, {
      code: "collection-unknown",
      exitCode: ExitCode.usage,
      hint: "--collection names another; ragctl status lists them",
    });
  const off = answers.find(({ problem }) => problem === "runs without cluster mode");
  if (off)
    throw new RagctlError(`node ${off.id} (${off.url}) runs without cluster mode, so that it has no shards to move`, {
      code: "cluster-mode-off",
      exitCode: ExitCode.usage,
      hint: "Start Qdrant with QDRANT__CLUSTER__ENABLED=true, or call the cluster's topology routed.",
    });
  throw errors[0];
}

/** The view to go by: of those that answer, the one that has seen the most of what was agreed on. */
export function latest(answers: readonly NodeAnswer[]): Required<Pick<NodeAnswer, "peer" | "collection">> & NodeAnswer {
  const whole = answers.filter(
    (answer): answer is ReturnType<typeof latest> => answer.peer !== undefined && answer.collection !== undefined,
  );
  return whole.reduce((best, answer) => {
    const ahead = answer.peer.term - best.peer.term || answer.peer.commit - best.peer.commit;
    return ahead > 0 || (ahead === 0 && answer.peer.leader === answer.peer.peerId) ? answer : best;
  });
}
