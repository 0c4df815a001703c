import type { NodeOutcome } from "../../cluster/contract.ts";
import type { Operation, SearchOperationSpec, Ticket } from "../contract.ts";
import { chooser } from "../feeds/choice.ts";
import { recallJudge } from "../recall/judge.ts";
import { field } from "../../sharding/table.ts";
import type { Hit } from "../../stores/contract.ts";
import type { ObservedOperation } from "../observe.ts";
import { prepareAhead } from "./ahead.ts";
import { connectFor } from "./client.ts";
import type { OperationDeps } from "./deps.ts";
import { causeOf, requestsOf } from "./failure.ts";

/** A number in JSON, about, and what a prepared search costs beside its vector. */
const bytesPerNumber = 14;
const bytesBeside = 1024;

/**
 * One search of a cluster through the client that every command uses: a scatter over nodes, a merge, retries and hedges included,
 * is one operation. Its send is the first request's, its end the merged answer.
 * @throws RagctlError exit 3 where the cluster cannot be reached
 */
export async function searchOperation(spec: SearchOperationSpec, deps: OperationDeps): Promise<Operation> {
  const { nowUs, seed, stride, timeoutMs, observe } = deps;
  const { collection, k, ef, filter, exact, queries } = spec;
  const client = await connectFor(spec, deps);
  const options = { k, ...(ef !== undefined && { ef }), ...(filter && { filter }), ...(exact && { exact }) };
  const all = new Float32Array(queries.vectors);
  const choose = chooser(spec.choice, queries.count, seed);
  const searchOf = prepareAhead({
    count: queries.count,
    itemBytes: queries.dim * (bytesPerNumber + 4) + bytesBeside,
    prepare: (query) => client.prepareSearch(collection, all.slice(query * queries.dim, (query + 1) * queries.dim), options),
    choose,
    stride,
  });
  // The lease, the table and a connection to each node, before the clock starts; what fails here is measured there.
  await client.search(searchOf(0), { timeoutMs }).catch(() => {});
  const settle = (ticket: Ticket, cause: string | undefined, requests: readonly NodeOutcome[]): number => {
    const endUs = nowUs();
    ticket.sentUs = firstSent(requests);
    ticket.settle(endUs, cause, requests);
    return endUs;
  };
  const judge = spec.recall && recallJudge(spec.recall);
  return {
    start(ticket) {
      const startUs = observe ? nowUs() : 0;
      client.search(searchOf(ticket.index), { timeoutMs }).then(
        ({ hits, partial, belowConsistency, requests }) => {
          const short = partial ? "partial" : belowConsistency ? "below-consistency" : undefined;
          const cause = spec.partialIsOk ? undefined : short;
          judge?.(choose(ticket.index), hits, (name, value) => ticket.measure(name, value));
          const endUs = settle(ticket, cause, requests);
          observe?.({
            op: "search",
            collection,
            keys: [],
            startUs,
            endUs,
            outcome: cause ?? "ok",
            hits: hits.map(observedHit),
          });
        },
        (error: unknown) => {
          const endUs = settle(ticket, causeOf(error), requestsOf(error));
          observe?.({ op: "search", collection, keys: [], startUs, endUs, outcome: causeOf(error) });
        },
      );
    },
    close: () => client.close(),
  };
}

/** A hit as an observer hears of it: a routed client has asked for its key and version anyway. */
function observedHit({ id, score, payload }: Hit): NonNullable<ObservedOperation["hits"]>[number] {
  const key = payload?.[field.key];
  const version = payload?.[field.version];
  return { key: typeof key === "string" ? key : String(id), score, ...(typeof version === "number" && { version }) };
}

function firstSent(requests: readonly NodeOutcome[]): number | undefined {
  let first: number | undefined;
  for (const { sentUs } of requests) if (sentUs > 0 && (first === undefined || sentUs < first)) first = sentUs;
  return first;
}
