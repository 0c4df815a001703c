import { createEmbedder } from "../../embed/index.ts";
import type { CachedSearchOperationSpec } from "../contract.ts";
import { questionList } from "../feeds/questions.ts";
import { requireDim, withCollection } from "./cluster-preflight.ts";
import type { OperationDeps } from "./deps.ts";
import { pingCache } from "./service-preflight.ts";

/**
 * The Redis shows a sign of life, one question is embedded and searched, and both sizes fit.
 * @throws RagctlError exit 2 where questions and collection do not fit, exit 3 where anything does not answer
 */
export async function cachedSearchPreflight(spec: CachedSearchOperationSpec, deps: OperationDeps): Promise<void> {
  const { clock, rng } = deps;
  await pingCache(spec.cache, clock);
  const { textOf, vectorOf } = questionList(spec.questions);
  let vector = vectorOf(0);
  if (!vector) {
    const embedder = await createEmbedder(spec.cluster.embedder, { clock, rng });
    try {
      [vector] = await embedder.embed([textOf(0)]);
    } finally {
      await embedder.close();
    }
  }
  await withCollection(spec, deps, async (client, info) => {
    requireDim(spec.collection, info, vector!.length, "questions");
    await client.search(client.prepareSearch(spec.collection, vector!, { k: spec.k }), { timeoutMs: deps.timeoutMs });
  });
}
