import type { PreparedRequest } from "../http/contract.ts";
import type { DataFace } from "../stores/contract.ts";
import { silentPart } from "./attempt.ts";
import type { CallOptions, NodeOutcome } from "./contract.ts";
import type { RoutedDeps } from "./deps.ts";
import { statusOf, type ClusterNode } from "./node.ts";
import { setAside, setAsideSilent, type SetAside } from "./set-aside.ts";
import type { Attempt } from "./silence.ts";
import type { View } from "./watch.ts";
import type { WriteRequest } from "./write-requests.ts";
import { tallyOf, type Sent } from "./write-tally.ts";

/** Sends of one write to one node, where the node says that it has done nothing of those before. */
const maxSends = 3;
const repeatAfterMs = 50;
/** However long a node asks to be left alone: others wait for this write. */
const longestWaitMs = 1_000;

/** What was sent so far of one write, and whom that took out of service. */
export interface Wave {
  sent: readonly Sent[];
  aside: SetAside;
}

/**
 * Sends requests, and takes out of service whom that shows to have failed.
 * @param before what was sent for the same keys already, and whom that took out: added to
 */
export async function sendWave(
  deps: RoutedDeps,
  view: View,
  data: DataFace,
  requests: readonly WriteRequest[],
  options: CallOptions,
  before: Wave,
): Promise<Wave> {
  const outcomes: NodeOutcome[] = [];
  const sending = requests.map(({ node, keys, request }) => {
    const target = nodeOf(deps, view, node);
    const attempt = deps.nodes.newAttempt();
    const patience = target.silence.watch(attempt, deps.requestTimeoutMs * silentPart);
    const answer = sendOne(deps, target, data, request, options, attempt, outcomes)
      .then((failure): Sent => (failure ? { node, keys, failure } : { node, keys }))
      .finally(() => patience.cancel());
    const message = `${target.id}: no answer, and its health is not answered either`;
    const silent = patience.silent.then((): Sent => ({ node, keys, failure: { message, mayLand: true }, silent: true }));
    return { answer, early: Promise.race([answer, silent]) };
  });
  // A node that hangs is taken out of service before its time is up, where somebody else has the keys; where that cannot be, it is waited for.
  const early = await Promise.all(sending.map((each) => each.early));
  const silent = new Set(early.flatMap((each) => (each.silent ? [each.node] : [])));
  const hanging = silent.size === 0 ? [] : tallyOf([...before.sent, ...early]).failedNodes.filter(({ node }) => silent.has(node));
  const gone = await setAsideSilent(deps, view, hanging, before.aside);
  const sent = await Promise.all(
    sending.map(async ({ answer }, at) => (gone.stale.has(early[at]!.node) ? early[at]! : await answer)),
  );
  const all = [...before.sent, ...sent];
  const failed = new Set(sent.flatMap(({ node, failure }) => (failure ? [node] : [])));
  const failedNodes = tallyOf(all).failedNodes.filter(({ node }) => failed.has(node));
  const aside = await setAside(deps, view, failedNodes, gone);
  return { sent: all, aside };
}

/** A node of a view, by its index there. */
export function nodeOf({ nodes }: RoutedDeps, { routing }: View, index: number): ClusterNode {
  const id = routing.nodeIds[index]!;
  return nodes.ofTable(id, routing.table.nodes[id]!.url);
}

/**
 * To one node, and again only where it certainly did nothing (it was not reached, or says that it refused): what was not answered
 * is never repeated. All of it within one request timeout of the first send, since a lease is worth no more after its end.
 */
async function sendOne(
  deps: RoutedDeps,
  node: ClusterNode,
  data: DataFace,
  request: PreparedRequest,
  options: CallOptions,
  first: Attempt,
  outcomes: NodeOutcome[],
) {
  const { nodes, requestTimeoutMs, clock, rng, watch } = deps;
  const timeoutMs = Math.min(options.timeoutMs ?? requestTimeoutMs, requestTimeoutMs);
  const deadlineUs = clock.monotonicUs() + timeoutMs * 1000;
  for (let sends = 1; ; sends++) {
    const leftMs = Math.max(1, (deadlineUs - clock.monotonicUs()) / 1000);
    // Not cut short by the caller's signal: a write without an answer would cost the node its place among those that serve.
    const attempt = sends === 1 ? first : nodes.newAttempt();
    const { failure } = await nodes.send(node, data, request, { timeoutMs: leftMs, attempt }, outcomes);
    if (!failure) return undefined;
    const { message, mayLand } = failure;
    const failed = { message, mayLand, ...statusOf(failure) };
    if (!failure.notDone || failure.overload || sends === maxSends) return failed;
    const waitMs = Math.min(longestWaitMs, failure.retryAfterMs ?? repeatAfterMs * sends * (0.5 + rng()));
    if (clock.monotonicUs() + waitMs * 1000 >= deadlineUs) return failed;
    await clock.sleep(waitMs);
    if (!watch.leaseHolds) return failed;
  }
}
