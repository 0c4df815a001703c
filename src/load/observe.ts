/**
 * One operation as an observer (a write checker) sees it: what was asked, when, and what came of it. Times are monotonic µs of a clock that all processes
 * of the machine share.
 */
export interface ObservedOperation {
  scenario: string;
  /** Of a cluster, that it was about. */
  collection?: string;
  op: "search" | "upsert" | "fetch" | "delete";
  keys: string[];
  /** Of a write: the version it wrote. Of a fetch: of its first key. */
  version?: number;
  startUs: number;
  endUs: number;
  /** `ok`, or the cause that it is counted under. */
  outcome: string;
  /** Of a write that was acknowledged in part: these of its keys. */
  acknowledged?: string[];
  /** Of a search: the hits' keys (ids, where the cluster is native); of a fetch: the keys that were there. With their versions, where those are known. */
  hits?: { key: string; version?: number; score?: number }[];
}

/** Takes what operations report; absent where nobody looks. */
export type Observe = (operation: Omit<ObservedOperation, "scenario">) => void;
