export { evaluateThreshold, holdsOnServiceTime, type Measured, type ThresholdResult } from "./thresholds/evaluate.ts";
export { defaultThresholds, objectiveThresholds, recallObjective } from "./thresholds/objectives.ts";
export { parseThreshold, parseThresholds, type Threshold, type ThresholdContext } from "./thresholds/parse.ts";
