import type { Author } from "../../sync/author.js";
import type { Version } from "../../sync/version.js";

/** What is in the file cannot be put back. Its message is a part of a sentence, and holds nothing of a value. */
export class RefusedContentError extends Error {
  override readonly name = "RefusedContentError";
}

/** By a version from further ahead than a clock may be, whatever is saved later would lose. @throws RefusedContentError */
export function expectBelieved(author: Author, version: Version): Version {
  if (author.believes(version)) return version;
  throw new RefusedContentError("its version is from the future");
}
