export { addRecall, emptyTally, estimateRecall, mergeTallies, RecallWindows } from "./accumulate.ts";
export { exactNeighbors } from "./exact.ts";
export { recallAtK, scoreSlack } from "./recall.ts";
export { cachedTruth, readTruth, truthFingerprint, type TruthKey } from "./truth-cache.ts";
export { defaultRecallSamples, prepareRecall } from "./prepare.ts";
export { recallKsOf } from "./wanted.ts";
