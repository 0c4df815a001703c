export type { FitDeps, FitSpec, Metric, RowSource } from "./contract.ts";
export { fit, type Fit } from "./fit.ts";
export { modelText, nameModel, parseModel, partitionerCells, storeDistance, type SemanticModel } from "./model.ts";
export { cellsOf } from "./cells.ts";
export { nearestByCell, normalisedQuery, type CellNeighbors, type Division } from "./by-cell.ts";
export { readPoints, type Points } from "./points.ts";
export { chooseRows, rngFor } from "./choose.ts";
export { chooseSpill } from "./spill.ts";
