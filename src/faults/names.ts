/**
 * Every fault's name and what it is, for command lines and `--help`, which must not load the faults. A line here and one in
 * `index.ts` register a fault: the compiler asks for the other.
 */
export const faultSummaries = {
  "kill-node": "SIGKILL a node, and bring it back",
  hang: "SIGSTOP a node: it accepts, and says nothing",
  "zone-outage": "everything in a zone gone at once",
} as const;

export type FaultName = keyof typeof faultSummaries;
