import { constants, type Stats } from "node:fs";
import { open } from "node:fs/promises";
import { UnreadableValueError } from "../../sync/errors.js";
import { MAX_KEPT } from "../../sync/script-parts.js";
import { parseStoredJson } from "../../sync/stored-json.js";
import { parseVersion } from "../../sync/version.js";
import {
  type ExportDocument,
  type ExportedItem,
  type ExportedRecord,
  type ExportedVersion,
  FORMAT,
  FORMAT_VERSION,
  MAX_FILE_BYTES,
} from "../export/document.js";
import { Failure } from "../failure.js";

const RECORD_NAME = /^[A-Za-z][A-Za-z0-9._-]{0,199}$/;
const MAX_ID_LENGTH = 1_000;
const MAX_RECORDS = 10_000;
const MAX_ITEMS = 100_000;

/** Reads what `export` has written, or what somebody says it has. @throws Failure that names the place, and quotes nothing. */
export async function readDocument(file: string): Promise<ExportDocument> {
  return parseDocument(file, await readText(file));
}

/** @throws Failure */
export function parseDocument(file: string, text: string): ExportDocument {
  let content: unknown;
  try {
    content = parseStoredJson(text);
  } catch (error) {
    if (!(error instanceof UnreadableValueError)) throw error;
    throw wrong(file, `hold what \`export\` writes: ${lowerFirst(error.message)}`);
  }
  const { format, formatVersion, userId, exportedAt, isDecrypted, records } = membersOf(content);
  if (format !== FORMAT) throw wrong(file, "hold what `export` writes, and it does not say that it does.");
  if (formatVersion !== FORMAT_VERSION)
    throw wrong(file, `be of form ${FORMAT_VERSION}: update redis-mirrored if a later release has written it.`);
  if (!isId(userId)) throw wrong(file, "name a user, at `userId`.");
  if (!Array.isArray(records) || records.length > MAX_RECORDS)
    throw wrong(file, `hold up to ${MAX_RECORDS} records, at \`records\`.`);
  return {
    format,
    formatVersion,
    userId,
    exportedAt: typeof exportedAt === "string" ? exportedAt : "",
    isDecrypted: isDecrypted === true,
    records: records.map((record, index) =>
      toRecord(record, (expected) => wrong(file, `${expected}, at \`records[${index}]\`.`)),
    ),
  };
}

async function readText(file: string): Promise<string> {
  // Opening a FIFO waits otherwise for somebody to write to it.
  const handle = await open(file, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0)).catch(
    (error: NodeJS.ErrnoException) => {
      throw new Failure(error.code ?? "UNREADABLE", `${file} cannot be read: ${error.code}.`);
    },
  );
  try {
    const found = await handle.stat();
    if (!found.isFile()) throw wrong(file, `be a regular file, got ${kindOf(found)}.`);
    if (found.size > MAX_FILE_BYTES) throw wrong(file, `be no larger than ${MAX_FILE_BYTES} bytes.`);
    return await handle.readFile("utf8");
  } finally {
    await handle.close();
  }
}

function kindOf(found: Stats): string {
  if (found.isDirectory()) return "a directory";
  return found.isFIFO() ? "a pipe" : "a device";
}

type Complain = (expected: string) => Failure;

function toRecord(given: unknown, complain: Complain): ExportedRecord {
  const { record, instanceId = null, version = null, isDeleted, isEncrypted, kept = [], ...content } = membersOf(given);
  if (typeof record !== "string" || !RECORD_NAME.test(record)) throw complain("name each record");
  if (instanceId !== null && !isId(instanceId)) throw complain("have an instance id, or `null`");
  if (version !== null && !isVersion(version)) throw complain("have a version as the mirror writes it, or `null`");
  if (!Array.isArray(kept) || kept.length > 4 * MAX_KEPT) throw complain("have kept versions in an array");
  return {
    record,
    instanceId,
    version,
    isDeleted: isDeleted === true,
    isEncrypted: isEncrypted === true,
    kept: kept.map((each) => toKept(each, complain)),
    ...toContent(content, complain),
  };
}

function toContent(
  content: Record<string, unknown>,
  complain: Complain,
): Pick<ExportedRecord, "items" | "value" | "jwe"> {
  if ("jwe" in content) {
    if (typeof content["jwe"] !== "string") throw complain("have a JWE as text");
    return { jwe: content["jwe"] };
  }
  if ("items" in content) {
    const { items } = content;
    if (!Array.isArray(items) || items.length > MAX_ITEMS) throw complain(`have up to ${MAX_ITEMS} items in an array`);
    const all = items.map((item) => toItem(item, complain));
    if (new Set(all.map(({ id }) => id)).size < all.length) throw complain("have each item once");
    return { items: all };
  }
  return "value" in content ? { value: content["value"] } : {};
}

function toItem(given: unknown, complain: Complain): ExportedItem {
  const members = membersOf(given);
  const { id, version, recency } = members;
  if (!isId(id) || !isVersion(version) || typeof recency !== "number" || !("value" in members))
    throw complain("have items with an id, a version, a recency and a value");
  return { id, version, recency, value: members["value"] };
}

function toKept(given: unknown, complain: Complain): ExportedVersion {
  const members = membersOf(given);
  const { version, jwe } = members;
  if (!isVersion(version)) throw complain("have kept versions with a version as the mirror writes it");
  if (typeof jwe === "string") return { version, jwe };
  if (!("value" in members)) throw complain("have kept versions with a value");
  return { version, value: members["value"] };
}

function membersOf(given: unknown): Record<string, unknown> {
  return typeof given === "object" && given !== null && !Array.isArray(given) ? (given as Record<string, unknown>) : {};
}

function isId(given: unknown): given is string {
  return typeof given === "string" && given !== "" && given.length <= MAX_ID_LENGTH;
}

function isVersion(given: unknown): given is string {
  return typeof given === "string" && given.length <= 200 && parseVersion(given) !== undefined;
}

function wrong(file: string, expected: string): Failure {
  return new Failure("NOT_AN_EXPORT", `Expected ${file} to ${expected}`);
}

function lowerFirst(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1);
}
