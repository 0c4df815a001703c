import { extractText, getDocumentProxy, getMeta } from "unpdf";
import type { ReadText } from "./whole-file.ts";

/** Two line feeds between pages: a page is a paragraph's end. */
const pageEnd = "\n\n";

export async function textOfPdf(bytes: Buffer): Promise<ReadText | { problem: string }> {
  try {
    // The library takes the bytes away, and warns on the console unless told not to.
    const pdf = await getDocumentProxy(new Uint8Array(bytes), { verbosity: 0 });
    try {
      const { text: texts } = await extractText(pdf, { mergePages: false });
      const { info } = await getMeta(pdf);
      const title: unknown = info["Title"];
      const pages: number[] = [];
      let text = "";
      for (const page of texts) {
        if (text !== "") text += pageEnd;
        pages.push(text.length);
        text += page;
      }
      return { text, pages, format: "text", title: typeof title === "string" ? title : undefined };
    } finally {
      await pdf.loadingTask.destroy();
    }
  } catch (error) {
    const { name, message } = error as Error;
    if (name === "PasswordException") return { problem: "the PDF is encrypted, and opens with a password only" };
    return { problem: `it is no PDF that can be read: ${message}` };
  }
}
