import { Catalogue, type Mirror, type RecordVersion } from "../index.js";
import { catalogueOf, settingsOf, userOf } from "./stores.js";
import type { RecordSurvey } from "../sync/record-survey.js";
import { isAdoptable } from "./kept-record.js";
import { describeBytes, describeSpan, describeTime } from "./reasons.js";
import { describeFailure } from "./commands.js";
import type { Disposable, HostWindow, Tree, TreeNode } from "./window.js";

/** How long a change of state may bring others with it before the tree is read again. */
const SETTLING_MS = 500;

/** A line that stands for a record, or a version of it: what commands are called on. */
interface RecordNode extends TreeNode {
  readonly record: string;
  readonly version?: string;
}

/** The view "Records": what Redis holds of the user who is signed in, without a value. Read when it is looked at. */
export class RecordTree implements Disposable {
  readonly #window: HostWindow;
  readonly #mirror: Mirror | undefined;
  readonly #tree: Tree;
  #timer: NodeJS.Timeout | undefined;
  #state: string | undefined;
  readonly #onStatus = () => this.#follow();
  readonly #onUser = () => this.#refreshSoon();

  constructor(window: HostWindow, mirror: Mirror | undefined) {
    this.#window = window;
    this.#mirror = mirror;
    this.#tree = window.openTree("redisMirrored.records", () => this.#roots());
    mirror?.on("status", this.#onStatus);
    mirror?.on("user", this.#onUser);
  }

  refresh(): void {
    this.#tree.refresh();
  }

  dispose(): void {
    clearTimeout(this.#timer);
    this.#mirror?.off("status", this.#onStatus);
    this.#mirror?.off("user", this.#onUser);
    this.#tree.dispose();
  }

  /** Redis has come, or gone, or is another one. */
  #follow(): void {
    const { state } = this.#mirror!.status;
    if (state === this.#state) return;
    this.#state = state;
    this.#refreshSoon();
  }

  #refreshSoon(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.refresh(), SETTLING_MS);
    this.#timer.unref();
  }

  async #roots(): Promise<readonly TreeNode[]> {
    const t = this.#window.translate;
    const settings = settingsOf(this.#mirror);
    const userId = userOf(this.#mirror);
    this.#tree.tell(undefined);
    // The view's welcome says why there is nothing.
    if (settings === undefined) return [];
    if (userId === undefined) {
      this.#tree.tell(t("Nobody is signed in, so nothing is mirrored."));
      return [];
    }
    try {
      const [{ UserKeys }, { surveyRecords }] = await Promise.all([
        import("../sync/user-keys.js"),
        import("../sync/record-survey.js"),
      ]);
      const server = await UserKeys.open(settings.address, userId);
      try {
        const { keys } = await server.list();
        const surveys = await surveyRecords(server, keys, new Catalogue(settings.records));
        if (surveys.length === 0) this.#tree.tell(t("Redis holds nothing of {userId} yet.", { userId }));
        return surveys.map((survey) => this.#toRecord(survey, settings.instanceId));
      } finally {
        server.close();
      }
    } catch (error) {
      const reason = describeFailure(error, this.#window);
      this.#tree.tell(t("Redis cannot be read now. {reason}", { reason }));
      return [];
    }
  }

  #toRecord(survey: RecordSurvey, instanceId: string): RecordNode {
    const t = this.#window.translate;
    const { record, state, bytes, ttlSeconds, savedAt, isEncrypted, kept, items } = survey;
    const isOurs = (survey.instanceId ?? "") === instanceId;
    const name = survey.instanceId === undefined ? record : `${record} (${survey.instanceId})`;
    const age = savedAt && t("{age} ago", { age: describeSpan(Date.now() - savedAt.getTime(), t) });
    const life = ttlSeconds === undefined ? undefined : describeSpan(ttlSeconds * 1_000, t);
    const description =
      state === "there" ? [age, describeBytes(bytes), life && t("{life} left", { life })] : [t("deleted"), age];
    const tooltip = [
      name,
      ...(savedAt === undefined
        ? []
        : [t("Saved {time} by {writer}", { time: describeTime(savedAt), writer: survey.writer ?? "?" })]),
      ...(items === undefined ? [] : [t("{count} items", { count: items.length })]),
      t("{count} kept versions", { count: kept }),
      ...(isEncrypted ? [t("Encrypted")] : []),
      ...(life === undefined ? [] : [t("Redis forgets it in {life}, unless it is saved or found again.", { life })]),
    ];
    const hasVersions = isOurs && this.#isInCatalogue(record);
    return {
      id: `${survey.instanceId ?? ""}/${record}`,
      record,
      label: name,
      description: description.filter((part) => part !== undefined).join(" · "),
      tooltip: tooltip.join("\n"),
      icon: isEncrypted ? "lock" : "database",
      kind: hasVersions && isAdoptable(record) ? "record" : "otherRecord",
      ...(hasVersions && { children: () => this.#versionsOf(record) }),
    };
  }

  #isInCatalogue(record: string): boolean {
    return catalogueOf(this.#mirror).find(record) !== undefined;
  }

  async #versionsOf(record: string): Promise<readonly TreeNode[]> {
    const t = this.#window.translate;
    try {
      const versions = await this.#mirror!.history({ record });
      return versions.map((version) => this.#toVersion(record, version));
    } catch (error) {
      const label = t("Redis cannot be read now. {reason}", { reason: describeFailure(error, this.#window) });
      return [{ id: `${record}/failed`, label, icon: "warning", kind: "failure" }];
    }
  }

  #toVersion(record: string, { version, savedAt, writer, bytes, isCurrent }: RecordVersion): RecordNode {
    const t = this.#window.translate;
    const parts = [isCurrent ? t("current") : undefined, describeBytes(bytes), writer];
    return {
      id: `${record}/${version}`,
      record,
      version,
      label: describeTime(savedAt),
      description: parts.filter((part) => part !== undefined).join(" · "),
      tooltip: t("{size}, saved by {writer}", { size: describeBytes(bytes), writer }),
      icon: isCurrent ? "circle-filled" : "history",
      kind: isAdoptable(record) ? "version" : "otherVersion",
    };
  }
}
