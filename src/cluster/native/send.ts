import { ExitCode, RagctlError } from "../../errors.ts";
import type { PreparedRequest } from "../../http/contract.ts";
import type { DataFace } from "../../stores/contract.ts";
import type { CallOptions, NodeOutcome } from "../contract.ts";
import type { ClusterDeps } from "../deps.ts";
import type { ClusterNode, NodeFailure } from "../node.ts";
import { rank } from "../rank.ts";

const firstAttempt = 0.4;

/** Requests to a cluster of which every node can answer everything: one is asked, and reads move on when it fails. */
export interface NativeSend {
  /** Nodes to ask, the best first; those with an open breaker only where there are no others. */
  order(): ClusterNode[];
  /** @throws RagctlError exit 3 where it is refused, or nobody answers */
  read<T>(
    data: DataFace,
    request: PreparedRequest,
    options: CallOptions,
    parse: (body: Buffer) => T,
    outcomes?: NodeOutcome[],
  ): Promise<T>;
  /** Once, to one node: a write that was not answered may still land, so nobody repeats it. Within one request timeout. */
  write(data: DataFace, request: PreparedRequest, options: CallOptions): Promise<NodeFailure | undefined>;
  control<T>(ask: (node: ClusterNode) => Promise<T>): Promise<T>;
}

export function nativeSend(deps: Pick<ClusterDeps, "cluster" | "nodes" | "clock" | "rng" | "requestTimeoutMs">): NativeSend {
  const { nodes, clock, requestTimeoutMs } = deps;
  const order = (): ClusterNode[] => {
    const unavailable: number[] = [];
    const all = nodes.all;
    const bestFirst = rank(deps, all, unavailable).reverse();
    return [...bestFirst.filter((index) => !unavailable.includes(index)), ...unavailable].map((index) => all[index]!);
  };
  return {
    order,
    async read(data, request, options, parse, outcomes = []) {
      const totalMs = options.timeoutMs ?? requestTimeoutMs;
      const deadlineUs = clock.monotonicUs() + totalMs * 1000;
      let failure: NodeFailure | undefined;
      const candidates = order();
      // The same node once more where there is only one: a kept-alive connection may just have been closed.
      if (candidates.length === 1) candidates.push(candidates[0]!);
      for (const [index, node] of candidates.entries()) {
        const leftMs = (deadlineUs - clock.monotonicUs()) / 1000;
        if (leftMs <= 0) break;
        const timeoutMs = index === 0 && candidates.length > 1 ? Math.min(leftMs, totalMs * firstAttempt) : leftMs;
        const answer = await nodes.send(node, data, request, { timeoutMs, signal: options.signal }, outcomes);
        options.signal?.throwIfAborted();
        if (!answer.failure) return parse(answer.body);
        failure = answer.failure;
        // What one node of a cluster refuses, all refuse.
        if (failure.fatal) break;
      }
      throw unanswered(deps.cluster.name, failure, outcomes);
    },
    async write(data, request, options) {
      const timeoutMs = Math.min(options.timeoutMs ?? requestTimeoutMs, requestTimeoutMs);
      return (await nodes.send(order()[0]!, data, request, { timeoutMs }, [])).failure;
    },
    async control(ask) {
      let last: unknown;
      for (const node of order()) {
        try {
          return await ask(node);
        } catch (error) {
          if (!(error instanceof RagctlError) || error.code !== "node-unreachable") throw error;
          last = error;
        }
      }
      throw last;
    },
  };
}

function unanswered(cluster: string, failure: NodeFailure | undefined, requests: NodeOutcome[]): RagctlError {
  const refused = failure?.fatal === true;
  return new RagctlError(
    `${refused ? "The request was refused" : `No node of ${cluster} answered`}: ${failure?.message ?? "no time was left"}`,
    {
      code: refused ? "request-refused" : "cluster-unreachable",
      exitCode: ExitCode.unreachable,
      hint: refused ? "Check the collection's name, the vector's size and the filter." : "ragctl status shows every node.",
      details: { requests },
    },
  );
}
