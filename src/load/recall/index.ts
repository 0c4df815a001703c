export {
  addRecall,
  emptyTally,
  estimateRecall,
  mergeTallies,
  type RecallEstimate,
  type RecallTally,
  RecallWindows,
} from "./accumulate.ts";
export { exactNeighbors, type ExactOptions, type ExactTruth, type VectorSource } from "./exact.ts";
export { recallAtK, scoreEpsilon, type Truth } from "./recall.ts";
export { cachedTruth, readTruth, truthFingerprint, type TruthKey, writeTruth } from "./truth-cache.ts";
