import { plainText as plainHeading } from "../chunkers/markdown.ts";
import { decodeFile, textProblem, utf8Problem } from "./utf8.ts";
import type { ReadText, TextOf } from "./whole-file.ts";

/** A file of text as it is. */
export const plainText: TextOf = async (bytes) => decoded(bytes, (text) => ({ text, format: "text" }));

export const markdownText: TextOf = async (bytes) =>
  decoded(bytes, (text) => ({ text, format: "markdown", title: markdownTitle(text) }));

function decoded(bytes: Buffer, read: (text: string) => ReadText): ReadText | { problem: string } {
  const text = decodeFile(bytes);
  if (text === undefined) return { problem: `the file is ${utf8Problem(bytes)}` };
  const problem = textProblem(text);
  return problem ? { problem: `the file ${problem}` } : read(text);
}

/** The first heading of the first level, as plain text; undefined where the start of the document has none. */
export function markdownTitle(text: string): string | undefined {
  const heading = /^#[ \t]+(.+?)[ \t]*#*$/m.exec(text.slice(0, 10_000))?.[1];
  const plain = heading === undefined ? "" : plainHeading(heading);
  return plain === "" ? undefined : plain;
}

/** What a browser would show of a page, its headings as Markdown has them. */
export const htmlText: TextOf = async (bytes) => {
  const html = decodeFile(bytes, (head) => /<meta[^>]+charset\s*=\s*["']?\s*([\w-]+)/i.exec(head)?.[1]);
  if (html === undefined) return { problem: `the file is ${utf8Problem(bytes)}, and names no other encoding` };
  const { textOfHtml } = await import("./html.ts");
  return clean(textOfHtml(html));
};

/** The text of a PDF, page by page (unpdf, a build of pdf.js without its viewer). */
export const pdfText: TextOf = async (bytes) => {
  const { textOfPdf } = await import("./pdf.ts");
  const read = await textOfPdf(bytes);
  return "problem" in read ? read : clean(read);
};

/** The text of a Word document, through HTML (mammoth). */
export const docxText: TextOf = async (bytes) => {
  const [{ default: mammoth }, { textOfHtml }] = await Promise.all([import("mammoth"), import("./html.ts")]);
  try {
    // Pictures would come along as text, a megabyte each.
    const convertImage = mammoth.images.imgElement(async () => ({ src: "" }));
    const { value } = await mammoth.convertToHtml({ buffer: bytes }, { convertImage });
    return clean(textOfHtml(value));
  } catch (error) {
    return { problem: `it is no Word document that can be read: ${(error as Error).message.split("\n")[0]}` };
  }
};

/** What converters leave of odd characters is not what somebody wrote: it is no reason to lose the document. */
function clean(read: ReadText): ReadText {
  const { text, title } = read;
  return { ...read, text: text.replaceAll("\0", " ").toWellFormed(), title: title?.replaceAll("\0", " ").toWellFormed() };
}
