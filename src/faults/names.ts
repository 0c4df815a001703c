/**
 * Every fault's name and what it is, for command lines and `--help`, which must not load the faults. A line here and one in
 * `index.ts` register a fault: the compiler asks for the other.
 */
export const faultSummaries = {
  "kill-node": "SIGKILL a node, and bring it back",
  hang: "SIGSTOP a node: it accepts, and says nothing",
  "zone-outage": "everything in a zone gone at once",
  partition: "nothing reaches a node, or comes from it",
  latency: "a node's answers come later",
  loss: "a share of what passes is lost, and sent again",
  bandwidth: "a slow line to a node",
  reset: "connections cut in mid-answer",
  "wrong-answers": "hits left out of a node's answers, at full speed",
  exhaust: "a neighbour that takes CPU, memory or disk",
  "cache-down": "the cache is not there",
  "cache-flush": "the cache forgets everything; cannot be undone",
  "cache-slow": "the cache answers late",
} as const;

export type FaultName = keyof typeof faultSummaries;
