import { connectCluster } from "../../cluster/index.ts";
import type { NodeOutcome, PreparedSearch } from "../../cluster/contract.ts";
import { RagctlError } from "../../errors.ts";
import { TransportError } from "../../http/contract.ts";
import type { Operation, SearchOperationSpec, Ticket } from "../contract.ts";
import { chooseItem } from "../feeds/choice.ts";
import type { OperationDeps } from "./deps.ts";

/**
 * One search of a cluster through the client that every command uses: a scatter over nodes, a merge, retries and hedges included,
 * is one operation. Its send is the first request's, its end the merged answer.
 * @throws RagctlError exit 3 where the cluster cannot be reached
 */
export async function searchOperation(spec: SearchOperationSpec, deps: OperationDeps): Promise<Operation> {
  const { clock, rng, nowUs, seed, timeoutMs, purpose } = deps;
  const client = await connectCluster(spec.cluster, { clock, rng, purpose, cwd: spec.cwd });
  const prepared = prepareAll(spec, (vector) =>
    client.prepareSearch(spec.collection, vector, { k: spec.k, ...(spec.ef !== undefined && { ef: spec.ef }) }),
  );
  // The lease, the table and a connection to each node, before the clock starts; what fails here is measured there.
  await client.search(prepared[0]!, { timeoutMs }).catch(() => {});
  const settle = (ticket: Ticket, cause: string | undefined, requests: readonly NodeOutcome[]): void => {
    const endUs = nowUs();
    ticket.sentUs = firstSent(requests);
    ticket.settle(endUs, cause, requests);
  };
  return {
    start(ticket) {
      const search = prepared[chooseItem(spec.choice, ticket.index, prepared.length, seed)]!;
      client.search(search, { timeoutMs }).then(
        ({ partial, requests }) => settle(ticket, partial && !spec.partialIsOk ? "partial" : undefined, requests),
        (error: unknown) => settle(ticket, searchFailure(error), requestsOf(error)),
      );
    },
    close: () => client.close(),
  };
}

function prepareAll({ queries }: SearchOperationSpec, prepare: (vector: Float32Array) => PreparedSearch): PreparedSearch[] {
  const all = new Float32Array(queries.vectors);
  return Array.from({ length: queries.count }, (_, query) => prepare(all.slice(query * queries.dim, (query + 1) * queries.dim)));
}

function firstSent(requests: readonly NodeOutcome[]): number | undefined {
  let first: number | undefined;
  for (const { sentUs } of requests) if (sentUs > 0 && (first === undefined || sentUs < first)) first = sentUs;
  return first;
}

/** The cause that a failed search is counted under. */
function searchFailure(error: unknown): string {
  if (requestsOf(error).at(-1)?.outcome === "timeout") return "timeout";
  if (error instanceof TransportError) return error.failure;
  if (error instanceof RagctlError) return error.code;
  return "bug";
}

/** What was asked of the nodes before a search failed, where the error tells. */
function requestsOf(error: unknown): readonly NodeOutcome[] {
  if (!(error instanceof RagctlError)) return [];
  const { details } = error;
  return typeof details === "object" && details !== null && "requests" in details && Array.isArray(details.requests)
    ? (details.requests as NodeOutcome[])
    : [];
}
