import type { ExperimentResult } from "../../experiments/result.ts";
import type { LoadSeries } from "../../load/export/result.ts";
import { markup } from "./markup.ts";
import { modelOf } from "./model.ts";
import { page } from "./page.ts";
import { breakersSection } from "./section-breakers.ts";
import { countsSection, lossesSection } from "./section-counts.ts";
import { availabilitySection, experimentHeader, objectivesSection, stepsSection, timelineSection } from "./section-experiment.ts";
import { latencySection } from "./section-latency.ts";
import { machineSection } from "./section-machine.ts";
import { nodesSection } from "./section-nodes.ts";
import { qualitySection } from "./section-quality.ts";
import { ratesSection } from "./section-rates.ts";

/** Everything that the page is made from. */
export interface ChaosPage {
  experiment: ExperimentResult;
  /** Of its load. */
  series: LoadSeries;
  version: string;
  runId?: string;
}

/** An experiment as one self-contained page: the verdict first, then what it cost, then everything on one time axis. */
export function chaosHtml({ experiment, series, version, runId }: ChaosPage): string {
  const model = modelOf({ result: experiment.load, series, version });
  const { axis } = model;
  return page(`${experiment.verdict}: ${experiment.experiment.name} on ${experiment.cluster}`, [
    experimentHeader(experiment, version, runId),
    objectivesSection(experiment),
    availabilitySection(experiment, axis),
    latencySection(model),
    lossesSection(model),
    breakersSection(experiment.load, axis),
    nodesSection(model),
    qualitySection(model),
    stepsSection(experiment),
    timelineSection(experiment),
    countsSection(model),
    ratesSection(model),
    machineSection(experiment.load),
    markup`<footer><span>Warm-up is in no figure. Percentiles are of ok operations, by when they were due.</span><span>ragctl ${version}</span></footer>`,
  ]);
}
