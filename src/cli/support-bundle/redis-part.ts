import { keySpaceOf, type Settings } from "../../settings/settings.js";
import { MirrorError, RefusedError } from "../../sync/errors.js";
import { type RecordSurvey, surveyRecords } from "../../sync/record-survey.js";
import { Catalogue } from "../../sync/records.js";
import { UserKeys } from "../../sync/user-keys.js";
import { warningsOf } from "../../sync/plaintext.js";
import { noticeLearnt } from "../plaintext-notice.js";
import type { Names } from "./names.js";

/** What a server says of itself without being asked for more than its greeting, which no access list forbids. */
const GREETING_MEMBERS = ["server", "version", "mode", "role"] as const;

/** Nothing makes it. */
const PROBED = "~probe:none";

interface Failure {
  readonly code: string;
  readonly message: string;
}

/** What there is of a record; of its items only how many there are. */
export type ShownSurvey = Omit<RecordSurvey, "items"> & { readonly items: number | undefined };

/** What came of asking Redis. Each member is there; `null` stands for what is unknown. */
export interface RedisPart {
  /** Whether what is sent goes unencrypted to another machine. */
  readonly isPlaintext: boolean;
  readonly server: Readonly<Record<string, string>> | null;
  readonly failure: Failure | null;
  /** Whether it is a replica, and takes no writes. */
  readonly isReadOnly: boolean;
  readonly records: readonly ShownSurvey[] | null;
  /** How many keys are under the user's name that are not the mirror's. */
  readonly strangers: number | null;
}

/** Never throws for what Redis does, or for its not being there: that is what the bundle is about. */
export async function redisPart(settings: Settings, userId: string, names: Names): Promise<RedisPart> {
  let keys: UserKeys | undefined;
  let server: RedisPart["server"] = null;
  let isPlaintext = warningsOf(settings.address).length > 0;
  let isReadOnly = false;
  try {
    keys = await UserKeys.open(settings.address, userId);
    noticeLearnt([keys]);
    isPlaintext ||= keys.warnings.length > 0;
    server = await greetingOf(keys);
    isReadOnly =
      isReplica(server) && (await refusesWrites(keys, keySpaceOf(settings).keyOf({ userId, record: PROBED })));
    const listing = await keys.list();
    const surveys = await surveyRecords(keys, listing.keys, new Catalogue([], settings));
    const records = surveys.map((survey) => shownSurvey(survey, names));
    return { isPlaintext, server, failure: null, isReadOnly, records, strangers: listing.strangers.length };
  } catch (error) {
    if (!(error instanceof MirrorError)) throw error;
    const { code } = error;
    return {
      isPlaintext,
      server,
      failure: { code, message: described(error, settings, names) },
      isReadOnly,
      records: null,
      strangers: null,
    };
  } finally {
    keys?.close();
  }
}

/** The one name that a message of the connection has is that under which the sentinels watch the primary. */
function described({ message }: MirrorError, { address }: Settings, names: Names): string {
  const masterName = address.sentinels?.masterName;
  return masterName ? message.replaceAll(`\`${masterName}\``, `\`${names.shown(masterName)}\``) : message;
}

async function greetingOf(keys: UserKeys): Promise<RedisPart["server"]> {
  try {
    const [reply] = await keys.ask([["HELLO"]]);
    const words = Array.isArray(reply) ? reply.map(String) : [];
    const members = GREETING_MEMBERS.map((name) => [name, words[words.indexOf(name) + 1]] as const);
    // Anything may answer, and only what looks like such a word is passed on.
    return Object.fromEntries(members.filter(([name, word]) => words.includes(name) && isWord(word))) as Record<
      string,
      string
    >;
  } catch {
    // Before version 6 there was none. If it is the connection, what is asked next says so.
    return null;
  }
}

function isReplica(server: RedisPart["server"]): boolean {
  return ["replica", "slave"].includes(server?.["role"] ?? "");
}

/** A replica takes writes where it was told to. Tried by one that changes nothing: it sets only what is there. */
async function refusesWrites(keys: UserKeys, redisKey: string): Promise<boolean> {
  try {
    await keys.ask([["SET", redisKey, "", "XX"]]);
    return false;
  } catch (error) {
    if (error instanceof RefusedError) return true;
    throw error;
  }
}

function isWord(word: string | undefined): boolean {
  return word !== undefined && /^[a-z0-9.-]{1,32}$/.test(word);
}

/** Of the items only how many there are: their ids are in nobody's bug report. */
function shownSurvey({ instanceId, items, ...survey }: RecordSurvey, names: Names): ShownSurvey {
  return {
    ...survey,
    instanceId: instanceId === undefined ? undefined : names.shown(instanceId),
    items: items?.length,
  };
}
