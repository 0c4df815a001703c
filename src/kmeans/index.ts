export type { FitDeps, FitSpec } from "./contract.ts";
export { fit, type Fit } from "./fit.ts";
export { modelText, parseModel, partitionerCells, storeDistance, type SemanticModel } from "./model.ts";
