import { compile, type HtmlToTextOptions } from "html-to-text";
import type { ReadText } from "./whole-file.ts";

const heading = (level: number) => ({
  selector: `h${level}`,
  format: "blockTag",
  options: { prefix: `${"#".repeat(level)} ` },
});
/** What a page has beside what it says. */
const skipped = ["script", "style", "noscript", "template", "svg", "nav", "iframe", "button", "select", "img", "head"];
const limits = { maxInputLength: 256 * 2 ** 20 };

const wording: HtmlToTextOptions = {
  wordwrap: false,
  limits,
  formatters: {
    blockTag: (element, walk, builder, options: { prefix?: string }) => {
      builder.openBlock({ leadingLineBreaks: 2 });
      builder.addInline(options.prefix ?? "");
      walk(element.children, builder);
      builder.closeBlock({ trailingLineBreaks: 2 });
    },
    row: (element, walk, builder) => {
      builder.openBlock({ leadingLineBreaks: 1 });
      walk(element.children, builder);
      builder.closeBlock({ trailingLineBreaks: 1 });
    },
    cell: (element, walk, builder) => {
      walk(element.children, builder);
      builder.addInline(" ");
    },
  },
  selectors: [
    ...[1, 2, 3, 4, 5, 6].map(heading),
    ...skipped.map((selector) => ({ selector, format: "skip" })),
    { selector: "a", options: { ignoreHref: true } },
    { selector: "table", format: "block" },
    { selector: "tr", format: "row" },
    { selector: "td", format: "cell" },
    { selector: "th", format: "cell" },
  ],
};
const body = compile(wording);
/** Where a page says which part of it is the point, that is it. */
const mainPart = compile({ ...wording, baseElements: { selectors: ["main"], returnDomByDefault: false } });

const title = compile({
  wordwrap: false,
  limits,
  baseElements: { selectors: ["title"], returnDomByDefault: false },
  selectors: [{ selector: "title", format: "inline" }],
});

/** Readable text of a page: no scripts, styles or navigation. */
export function textOfHtml(html: string): ReadText {
  const text = (/<main[\s>]/i.test(html) && mainPart(html)) || body(html);
  return { text, format: "markdown", title: title(html.slice(0, 65_536)) };
}
