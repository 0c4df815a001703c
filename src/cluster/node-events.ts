import type { Tell } from "./events.ts";
import type { ClusterNode } from "./node.ts";

/** Tells what has changed of a node's breaker since it was told last, and whether it is silent. */
export function tellOfNode(tell: Tell, { id, told, breaker }: Pick<ClusterNode, "id" | "told" | "breaker">): void {
  const { phase, step, silent } = breaker;
  if (silent !== told.silent) tell("silent", id, silent ? "start" : "end");
  told.silent = silent;
  if (phase === told.phase && step === told.step) return;
  if (told.phase === "half-open") tell("half-open", id, "end");
  if (phase === "half-open") tell("half-open", id, "start", { share: breaker.policy?.steps[step] ?? 1 });
  if (told.phase === "closed") tell("breaker", id, "start");
  if (phase === "closed") tell("breaker", id, "end");
  told.phase = phase;
  told.step = step;
}
