export { algorithms, metrics, type Algorithm, type FitPhase, type FitSpec, type Metric, type RowSource } from "./contract.ts";
export { fit, type Fit } from "./fit.ts";
export { modelText, parseModel, partitionerCells, storeDistance, type SemanticModel } from "./model.ts";
