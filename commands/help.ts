import { exitCodeMeanings } from "../src/errors.ts";
import { faultSummaries } from "../src/faults/names.ts";
import { globalOptions } from "./command-line.ts";
import { commands, groups } from "./index.ts";

/** `ragctl --help`, or the help of one noun. Made without commander, so that it is there at once. */
export function overview(group: string | undefined, columns: number): string {
  const width = Math.min(columns, 100);
  const all = Object.entries(commands).map(([name, { summary }]): [string, string] => [name, summary]);
  const mine = group === undefined ? withoutFaults(all) : all.filter(([name]) => name.startsWith(`${group} `));
  const intro =
    group === undefined
      ? "Plan, move, warm, break and measure the clusters that answer RAG queries."
      : `${capital(groups[group] ?? "")}.`;
  const sections = [
    `Usage: ragctl ${group ?? ""}${group === undefined ? "COMMAND" : " COMMAND"} [options]\n\n${intro}`,
    `Commands:\n${definitions(mine, width)}`,
    ...(group === undefined
      ? [
          `Global options:\n${definitions([...globalOptions, ["-h, --help", "this, or with a command its own"], ["--version", "the version"]], width)}`,
          `Exit codes:\n${definitions(
            Object.entries(exitCodeMeanings).map(([code, meaning]) => [code.padStart(3), meaning]),
            width,
          )}`,
        ]
      : []),
    "Every command explains itself: ragctl COMMAND --help",
  ];
  return `${sections.join("\n\n")}\n`;
}

/** There are many faults: all commands at once show them as one. */
function withoutFaults(all: [string, string][]): [string, string][] {
  const isFault = (name: string) => name.startsWith("chaos ") && Object.hasOwn(faultSummaries, name.slice("chaos ".length));
  const first = all.findIndex(([name]) => isFault(name));
  const line: [string, string] = ["chaos FAULT", "break something for a while: ragctl chaos --help lists the faults"];
  return all.flatMap((entry, index) => (index === first ? [line] : isFault(entry[0]) ? [] : [entry]));
}

/** Terms and what they mean, the meanings in a column of their own. */
function definitions(pairs: readonly (readonly [string, string])[], width: number): string {
  const indent = 2 + Math.max(...pairs.map(([term]) => term.length)) + 2;
  return pairs.map(([term, meaning]) => `  ${term.padEnd(indent - 2)}${fold(meaning, width, indent)}`).join("\n");
}

function fold(text: string, width: number, indent: number): string {
  const lines = [""];
  for (const word of text.split(" ")) {
    const line = lines.at(-1)!;
    const longer = line === "" ? word : `${line} ${word}`;
    if (line !== "" && indent + longer.length > width) lines.push(word);
    else lines[lines.length - 1] = longer;
  }
  return lines.join(`\n${" ".repeat(indent)}`);
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
