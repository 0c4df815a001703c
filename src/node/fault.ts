/** An answer other than 2xx: the status and the sentence that Qdrant's clients read from `status.error`. */
export class NodeFault extends Error {
  readonly httpStatus: number;

  constructor(httpStatus: number, message: string) {
    super(message);
    this.name = "NodeFault";
    this.httpStatus = httpStatus;
  }
}

export const collectionMissing = (name: string) => new NodeFault(404, `Not found: Collection \`${name}\` doesn't exist!`);
export const collectionExists = (name: string) => new NodeFault(409, `Wrong input: Collection \`${name}\` already exists!`);
export const wrongInput = (what: string) => new NodeFault(400, `Wrong input: ${what}`);
/** The body is JSON, but not of the right shape. */
export const badFormat = (what: string) => new NodeFault(400, `Format error in JSON body: ${what}`);
export const outOfRange = (field: string, what: string) =>
  new NodeFault(422, `Validation error in JSON body: [${field}: ${what}]`);
/** Qdrant can, this cannot. Always said, never answered with something else. */
export const notImplemented = (what: string) => new NodeFault(501, `the ragctl embedded node does not implement ${what}`);
