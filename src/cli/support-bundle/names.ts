import { createHash, randomBytes } from "node:crypto";

/** Say nothing of whose they are. */
const EVERYBODYS = new Set(["localhost", "127.0.0.1", "::1"]);

const HASH_DIGITS = 8;

/** How names of people and machines are shown. */
export interface Names {
  shown(name: string): string;
}

export const AS_THEY_ARE: Names = { shown: (name) => name };

/**
 * A short hash in the place of each name, the same wherever the name stands in one bundle. It is salted, as names are
 * easily guessed, and the salt is forgotten; so it is another one in the next bundle.
 */
export class HashedNames implements Names {
  readonly #salt = randomBytes(16);

  shown(name: string): string {
    if (EVERYBODYS.has(name) || name === "") return name;
    const hash = createHash("sha256").update(this.#salt).update(name).digest("hex");
    return `#${hash.slice(0, HASH_DIGITS)}`;
  }
}
