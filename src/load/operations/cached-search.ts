import type { CacheAnswer, CacheLayer } from "../../cache/contract.ts";
import { openLayer } from "../../cache/open-layer.ts";
import type { PopularityRecorder } from "../../cache/popularity/contract.ts";
import { createEmbedder } from "../../embed/index.ts";
import { ExitCode, RagctlError } from "../../errors.ts";
import { encodeResult } from "../../warming/cache/values.ts";
import type { NodeOutcome } from "../../cluster/contract.ts";
import type { CachedSearchOperationSpec, Operation } from "../contract.ts";
import { chooser } from "../feeds/choice.ts";
import { questionList } from "../feeds/questions.ts";
import { connectFor } from "./client.ts";
import type { OperationDeps } from "./deps.ts";
import { causeOf, requestsOf } from "./failure.ts";
import { memoryOnlyEvent } from "./memory-only-event.ts";

/** The name of the time that each backend call took; failed ones never came. */
const backend = "backend";

/** An application's questions are counted by the application; those of a benchmark would only mislead `cache warm`. */
const nobody: PopularityRecorder = {
  record: () => {},
  flush: async () => {},
  problem: () => undefined,
  close: async () => {},
};

/**
 * Questions through caches as applications have them: each of several servers looks into its own layer, and what is not there is embedded, searched and stored, once for all who ask at the same
 * time. The cache's word of an answered question is `hit`, `near-hit` (memory before Redis), `miss` (it made the backend call), or `shared` (it waited for another's call); with `memory-` before it where
 * memory alone answered because Redis failed. What each backend call took is measured as `backend`, refreshes ahead of time included.
 * @throws RagctlError exit 3 where the cluster cannot be reached
 */
export async function cachedSearchOperation(spec: CachedSearchOperationSpec, deps: OperationDeps): Promise<Operation> {
  const { clock, rng, nowUs, stride, purpose, onClientEvent } = deps;
  const client = await connectFor(spec, deps);
  const embedder = await createEmbedder(spec.cluster.embedder, { clock, rng });
  const { cache } = spec;
  const servers: CacheLayer[] = [];
  while (servers.length < spec.servers / stride)
    servers.push(
      await openLayer(
        { cache, embedder: spec.cluster.embedder },
        { clock, rng, popularity: nobody, onMemoryOnly: memoryOnlyEvent(purpose, onClientEvent) },
      ),
    );
  const { count, textOf, vectorOf } = questionList(spec.questions);
  const choose = chooser(spec.choice, count, spec.seed);
  const options = { k: spec.k, withPayload: true, ...(spec.ef !== undefined && { ef: spec.ef }) };

  async function answer(item: number): Promise<{ value: Buffer; requests: readonly NodeOutcome[] }> {
    const vector = vectorOf(item) ?? (await embedder.embed([textOf(item)]))[0]!;
    const found = await client.search(client.prepareSearch(spec.collection, vector, options), { timeoutMs: deps.timeoutMs });
    const { requests } = found;
    // An answer that misses a part of the collection would be served for as long as its TTL.
    if (found.partial ?? found.belowConsistency)
      throw new RagctlError("a part of the collection did not answer", {
        code: "partial",
        exitCode: ExitCode.unreachable,
        details: { requests },
      });
    if (spec.plusMs > 0) await clock.sleep(spec.plusMs);
    return { value: encodeResult(found.hits), requests };
  }

  return {
    start(ticket) {
      const item = choose(ticket.index);
      const layer = servers[Math.floor(ticket.index / stride) % servers.length]!;
      const question = textOf(item);
      let asked: readonly NodeOutcome[] = [];
      const compute = async () => {
        const fromUs = nowUs();
        try {
          const { value, requests } = await answer(item);
          asked = requests;
          ticket.measure(backend, nowUs() - fromUs);
          return value;
        } catch (error) {
          ticket.measure(backend, Number.POSITIVE_INFINITY);
          throw error;
        }
      };
      ticket.sentUs = nowUs();
      layer.getOrCompute("result", question, compute).then(
        ({ from }) => {
          ticket.cache = outcomeOf(from, cache.driver, layer.onMemoryOnly("result", question));
          ticket.settle(nowUs(), undefined, asked);
        },
        (error: unknown) => ticket.settle(nowUs(), causeOf(error), requestsOf(error)),
      );
    },
    async drain() {
      // Asking ends the episodes of servers whose place others have taken.
      for (const layer of servers) layer.report();
    },
    async close() {
      await Promise.all(servers.map((layer) => layer.close()));
      await embedder.close();
      await client.close();
    },
  };
}

function outcomeOf(from: CacheAnswer["from"], driver: CachedSearchOperationSpec["cache"]["driver"], memoryOnly: boolean): string {
  if (from === "shared") return "shared";
  if (from === "computed") return memoryOnly ? "memory-miss" : "miss";
  if (from === "redis" || driver === "memory") return "hit";
  return memoryOnly ? "memory-hit" : "near-hit";
}
