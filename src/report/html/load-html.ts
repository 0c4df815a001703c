import { modelOf, type LoadPage } from "./model.ts";
import { markup } from "./markup.ts";
import { page } from "./page.ts";
import { breakersSection } from "./section-breakers.ts";
import { countsSection, lossesSection } from "./section-counts.ts";
import { distributionSection, latencySection } from "./section-latency.ts";
import { machineSection, specSection } from "./section-machine.ts";
import { nodesSection } from "./section-nodes.ts";
import { qualitySection } from "./section-quality.ts";
import { ratesSection } from "./section-rates.ts";
import { cachingSection, splitsSection } from "./section-splits.ts";
import { thresholdsSection } from "./section-thresholds.ts";
import { verdictSection } from "./section-verdict.ts";
import { targetText } from "./target.ts";

/** A load run as one self-contained page: the verdict first, then why, then the figures. */
export function loadHtml(input: LoadPage): string {
  const model = modelOf(input);
  const { result, version } = model;
  const title = `${result.verdict}: ${targetText(result.target)}`;
  return page(title, [
    verdictSection(model),
    thresholdsSection(result),
    latencySection(model),
    lossesSection(model),
    qualitySection(model),
    cachingSection(result),
    splitsSection(result),
    countsSection(model),
    distributionSection(model),
    nodesSection(model),
    breakersSection(result, model.axis),
    ratesSection(model),
    specSection(result),
    machineSection(result),
    markup`<footer><span>Warm-up is in no figure. Percentiles are of ok operations; thresholds rank the others as infinitely slow.</span><span>ragctl ${version}</span></footer>`,
  ]);
}
