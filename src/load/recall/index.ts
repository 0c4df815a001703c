export { addRecall, emptyTally, estimateRecall, mergeTallies, RecallWindows } from "./accumulate.ts";
export { exactNeighbors } from "./exact.ts";
export { recallAtK } from "./recall.ts";
export { cachedTruth, readTruth, truthFingerprint, type TruthKey } from "./truth-cache.ts";
export { recallJudge, type Judge } from "./judge.ts";
export { defaultRecallSamples, prepareRecall, type RecallDeps, type RecallOptions } from "./prepare.ts";
export { recallKsOf } from "./wanted.ts";
