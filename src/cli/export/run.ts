import { Catalogue } from "../../sync/records.js";
import { FixedKeyRing } from "../../sync/key-ring.js";
import { type UserKeys, valueKeysOf } from "../../sync/user-keys.js";
import { Failure } from "../failure.js";
import { settingsInForce, userInForce, withUserKeys } from "../in-force.js";
import { toJson } from "../json.js";
import { keysAtHand } from "../keys/keys-at-hand.js";
import { writeNewFile } from "../new-file.js";
import { printable } from "../printable.js";
import { withProgress } from "../progress.js";
import { shownId, shownKey } from "../table.js";
import { say, sayJson } from "../terminal.js";
import { UsageError } from "../usage-error.js";
import {
  type ExportDocument,
  type ExportedRecord,
  FORMAT,
  FORMAT_VERSION,
  MAX_FILE_BYTES,
  tooLarge,
} from "./document.js";
import { type LeftOut, RecordReader } from "./record-reader.js";

export interface ExportOptions {
  readonly output?: string;
  readonly decrypt: boolean;
  readonly force: boolean;
  readonly kept: boolean;
  readonly json: boolean;
}

const HOW_TO_GO_ON = "Nothing was written; call it again.";

/** The answer is the exit status. @throws UsageError @throws Failure also where something is not in the document. */
export async function exportUser(options: ExportOptions, user: string | undefined): Promise<number> {
  const { output, decrypt, force, json } = options;
  if (decrypt && output === undefined && !force)
    throw new UsageError(
      "Expected --output FILE with --decrypt, or --force for secrets on the standard output, got neither",
    );
  const userId = userInForce(user);
  const settings = settingsInForce();
  const keyRing = decrypt ? new FixedKeyRing(await keysToDecrypt()) : undefined;
  const isSecret = (record: string) => new Catalogue().find(record)?.encrypted === true;
  const { records, leftOut } = await withUserKeys(settings, userId, (keys) =>
    read(keys, new RecordReader({ keys, isSecret, keyRing, hasKept: options.kept }), json),
  );
  const document: ExportDocument = {
    format: FORMAT,
    formatVersion: FORMAT_VERSION,
    exportedAt: new Date().toISOString(),
    userId,
    isDecrypted: decrypt,
    records,
  };
  const text = textOf(document);
  if (output === undefined) say(text);
  else {
    await writeNewFile(output, `${text}\n`);
    if (json) sayJson({ file: output, records: records.length, leftOut: leftOut.map(toEntry) });
    else
      say(
        `${output} holds ${records.length === 1 ? "1 record" : `${records.length} records`} of \`${shownId(userId)}\`${decrypt ? ", secrets in clear text" : ""}.`,
      );
  }
  if (leftOut.length > 0) throw new Failure("INCOMPLETE", ["Not in it:", ...leftOut.map(describe)].join("\n"));
  return 0;
}

/** @throws Failure */
function textOf(document: ExportDocument): string {
  let text: string;
  try {
    text = toJson(document);
  } catch (error) {
    // Indented and escaped it is longer than a string can be.
    if (error instanceof RangeError) throw tooLarge();
    throw error;
  }
  if (Buffer.byteLength(text) > MAX_FILE_BYTES) throw tooLarge();
  return text;
}

async function keysToDecrypt() {
  const { keys, store } = await keysAtHand();
  if (keys.length === 0)
    throw new Failure("NO_KEY", `No key at hand: ROO_MIRROR_KEY is not set, and there is no ${store!.path}.`);
  return keys;
}

async function read(
  keys: UserKeys,
  reader: RecordReader,
  isJson: boolean,
): Promise<{ records: ExportedRecord[]; leftOut: readonly LeftOut[] }> {
  const found = valueKeysOf((await keys.list()).keys);
  const records = await withProgress({ noun: "records", howToGoOn: HOW_TO_GO_ON, isJson }, async (step) => {
    const all: ExportedRecord[] = [];
    for (const [index, key] of found.entries()) {
      step(index, found.length);
      all.push(await reader.read(key));
    }
    step(found.length, found.length);
    return all;
  });
  return { records, leftOut: reader.leftOut };
}

function toEntry({ redisKey, keptVersion, reason }: LeftOut): object {
  return { redisKey, version: keptVersion, reason };
}

function describe({ redisKey, keptVersion, reason }: LeftOut): string {
  return `  ${shownKey(redisKey)}${keptVersion === undefined ? "" : ` ${shownId(keptVersion)}`}: ${printable(reason)}`;
}
