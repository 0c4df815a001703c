import { AnswerReader, ProtocolError } from "../http/wire/answer-reader.ts";
import type { Rng } from "../runtime.ts";
import { spoilHits, type WrongHits } from "./hits.ts";

/** Longer answers are no lists of hits. */
const bodyMax = 16 * 2 ** 20;

/** Reads the HTTP answers of one connection, and gives those that hold hits back with other hits; all else passes as it came. */
export class Spoiler {
  readonly #rng: Rng;
  readonly #reader = new AnswerReader(true);
  #raw: Buffer[] = [];
  #rawBytes = 0;
  /** Until the next answer: what came is complete, cannot be read, or began before anybody looked. */
  #passing = true;

  constructor(rng: Rng) {
    this.#rng = rng;
  }

  /** What was taken of an answer that is not complete. */
  get rest(): Buffer | undefined {
    return this.#rawBytes > 0 ? Buffer.concat(this.#raw) : undefined;
  }

  /**
   * @param fresh whether these are the first bytes since the client has sent some: an answer begins
   * @returns what goes on now: nothing while an answer is not complete
   */
  take(bytes: Buffer, fresh: boolean, wrong: WrongHits): Buffer[] {
    const before = fresh ? this.#passAll() : [];
    if (fresh) {
      this.#reader.reset();
      this.#passing = false;
    }
    if (this.#passing) return [...before, bytes];
    this.#raw.push(bytes);
    this.#rawBytes += bytes.length;
    let complete: boolean;
    try {
      complete = this.#reader.read(bytes);
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      return [...before, ...this.#passAll()];
    }
    if (!complete) return this.#rawBytes > bodyMax ? [...before, ...this.#passAll()] : before;
    const spoiled = spoilAnswer(this.#reader, wrong, this.#rng);
    const asItCame = this.#passAll();
    return [...before, ...(spoiled ? [spoiled] : asItCame)];
  }

  #passAll(): Buffer[] {
    const raw = this.#raw;
    this.#raw = [];
    this.#rawBytes = 0;
    this.#passing = true;
    return raw;
  }
}

/** @returns undefined where there is nothing to spoil: no JSON, no hits, or compressed */
function spoilAnswer({ head, body }: AnswerReader, wrong: WrongHits, rng: Rng): Buffer | undefined {
  if (!/\r\ncontent-type:[ \t]*application\/json/i.test(head) || /\r\ncontent-encoding:/i.test(head)) return undefined;
  const text = spoilHits(body.toString(), wrong, rng);
  if (text === undefined) return undefined;
  const bytes = Buffer.from(text);
  const kept = head.split("\r\n").filter((line) => !/^(?:content-length|transfer-encoding|etag):/i.test(line));
  return Buffer.concat([Buffer.from(`${kept.join("\r\n")}\r\ncontent-length: ${bytes.length}\r\n\r\n`, "latin1"), bytes]);
}
