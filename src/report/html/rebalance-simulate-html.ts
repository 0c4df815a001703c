import type { SimulateResult } from "../../rebalance/simulate/result.ts";
import { formatPercent } from "../../units.ts";
import { adaptiveText, recallText, simulatedText, timesMean } from "../rebalance-simulate.ts";
import { markup, type Content, type Markup } from "./markup.ts";
import { page } from "./page.ts";
import { recallChart } from "./recall-chart.ts";
import { htmlTable, legend, section } from "./tables.ts";

const tones = ["t2", "t3", "t1", "plain"];

/** A simulation as one self-contained page: the answer first, then the curves, then their figures. */
export function rebalanceSimulateHtml(result: SimulateResult, version: string): string {
  const { recommendation, source, layouts, target } = result;
  const reached = layouts[0]!.reached;
  const adaptive = adaptiveText(layouts[0]!, target);
  return page(`rebalance simulate: ${source.vectors}`, [
    markup`<header>
<div class="over"><span>ragctl ${version} rebalance simulate</span><span>${source.vectors}</span></div>
<div class="verdict"><h1 class="${reached ? "pass" : "inconclusive"}" id="answer">${recommendation.probes} of ${recommendation.of}</h1><p>${recommendation.sentence}</p></div>
<p class="what">${simulatedText(result).join(" ")}</p>
</header>`,
    curveSection(result),
    layoutsSection(result),
    adaptive.length > 0 &&
      section(
        "adaptive",
        "Adaptive probing",
        "Passes over shards that cannot matter, by how far their centroids are and how far their rows lie around them.",
        markup`<ul class="audit">${adaptive.map((line) => markup`<li>${line}</li>`)}</ul>`,
      ),
    pointsSection(result),
    markup`<footer><span>The band is the 95 % interval of the mean recall.</span><span>ragctl ${version}</span></footer>`,
  ]);
}

function curveSection({ layouts, target, recommendation }: SimulateResult): Content {
  const lines = layouts.map(({ name, kind, curve }, at) => ({
    name,
    curve,
    tone: kind === "hash" ? "other" : tones[at % tones.length]!,
  }));
  return section(
    "curve",
    "Recall by work",
    "From one shard probed at the left to all at the right; the work is the share of all rows in the shards asked.",
    [
      legend([...lines.map(({ name, tone }) => ({ name, tone })), { name: "recommended", tone: "recall" }]),
      recallChart({ width: 1072, height: 340, lines, target, recommended: recommendation.probes }),
    ],
  );
}

function layoutsSection({ layouts, target }: SimulateResult): Markup {
  const rows = layouts.map(({ name, shards, sizeMaxOverMean, at, sameProbes }) => [
    name,
    shards,
    timesMean(sizeMaxOverMean),
    at.probes,
    recallText(at.recall),
    at.nodesTouched.toFixed(2),
    formatPercent(at.work),
    timesMean(at.heatMaxOverMean),
    recallText(at.oneDown.mean),
    recallText(sameProbes),
  ]);
  const columns = [
    "layout",
    ">shards",
    ">largest",
    ">probes",
    ">recall",
    ">nodes",
    ">work",
    ">hottest",
    ">1 down",
    ">recall at as many probes",
  ];
  return section(
    "layouts",
    "Side by side",
    `The least number of probes that reaches recall ${target}.`,
    htmlTable(columns, rows),
  );
}

function pointsSection({ curve }: SimulateResult): Markup {
  const rows = curve.map(({ probes, recall, low, high, nodesTouched, work, heatMaxOverMean, oneDown }) => [
    probes,
    recallText(recall),
    `${recallText(low)} … ${recallText(high)}`,
    nodesTouched.toFixed(2),
    formatPercent(work),
    timesMean(heatMaxOverMean),
    recallText(oneDown.mean),
    recallText(oneDown.worst),
  ]);
  const columns = [">probes", ">recall", ">95 % interval", ">nodes", ">work", ">hottest", ">1 down", ">worst"];
  return section(
    "points",
    "The curve in figures",
    "One down: recall while one node does not answer, on average over which, and at worst.",
    htmlTable(columns, rows),
  );
}
