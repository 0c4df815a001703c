import { createEmbedder } from "../../embed/index.ts";
import type { EmbedOperationSpec, Operation } from "../contract.ts";
import { chooser } from "../feeds/choice.ts";
import type { OperationDeps } from "./deps.ts";
import { causeOf } from "./failure.ts";

/** Texts into vectors, through the cluster's embedder. */
export async function embedOperation(spec: EmbedOperationSpec, deps: OperationDeps): Promise<Operation> {
  const { clock, rng, nowUs, seed } = deps;
  const embedder = await createEmbedder(spec.embedder, { clock, rng });
  const choose = chooser(spec.choice, spec.texts.length, seed);
  return {
    start(ticket) {
      const texts = Array.from({ length: spec.batch }, (_, at) => spec.texts[choose(ticket.index * spec.batch + at)]!);
      const stop = new AbortController();
      ticket.canceller = { cancel: () => stop.abort() };
      ticket.sentUs = nowUs();
      embedder.embed(texts, { signal: stop.signal }).then(
        () => ticket.settle(nowUs(), undefined),
        (error: unknown) => ticket.settle(nowUs(), causeOf(error)),
      );
    },
    close: () => embedder.close(),
  };
}
