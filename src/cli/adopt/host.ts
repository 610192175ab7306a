import { Checkout, packageFolder } from "./checkout.js";
import { findMethod } from "./decorated-method.js";
import type { Finding } from "./finding.js";
import { findInstallation } from "./installation.js";
import { Manifest } from "./manifest.js";
import { BRIDGE_USER, HOST_CLASSES, type HostFeatures, placesOf, WRITE_THROUGH } from "./places.js";
import { memberNames } from "./source-file.js";
import { referencedNames } from "./syntax-tree.js";

/** A checkout that the classes to decorate were found in. */
export class Host {
  readonly checkout: Checkout;
  readonly features: HostFeatures;
  /** Of the package that declares most of the classes; `undefined`: none of them lies in one. */
  readonly folder: string | undefined;
  /** Those of the packages that the classes lie in, by folder. */
  readonly manifests: ReadonlyMap<string, Manifest>;

  private constructor(checkout: Checkout, folder: string | undefined, manifests: ReadonlyMap<string, Manifest>) {
    this.checkout = checkout;
    this.folder = folder;
    this.manifests = manifests;
    this.features = featuresOf(checkout, folder);
  }

  /** `undefined`: there is none of the classes. */
  static async find(root: string): Promise<Host | undefined> {
    const checkout = await Checkout.read(root);
    const found = HOST_CLASSES.flatMap((name) => checkout.classesNamed(name));
    if (found.length === 0) return undefined;
    const folders = found.map(({ file }) => packageFolder(file.path));
    const countOf = (folder: string | undefined) => folders.filter((other) => other === folder).length;
    const folder = folders.reduce((most, each) => (countOf(each) > countOf(most) ? each : most));
    const manifests = new Map<string, Manifest>();
    for (const each of new Set(folders)) if (each !== undefined) manifests.set(each, await Manifest.read(each));
    return new Host(checkout, folder, manifests);
  }

  get manifest(): Manifest | undefined {
    return this.manifests.get(this.folder ?? "");
  }

  /** Whether there is also a class that writes to Redis on its own: two would do the same work. */
  get redisSyncService(): string | undefined {
    return this.checkout.classesNamed("RedisSyncService")[0]?.file.path;
  }

  /** Everything that is to be there, in the order in which it is shown. */
  findings(range: string): Finding[] {
    const { checkout, folder, features } = this;
    const inSources = [
      ...placesOf(features).map((place) => findMethod(checkout, folder, place)),
      findInstallation(checkout, folder, features.hasBridgeUser),
    ];
    const folders = inSources.flatMap(({ path }) => (path === undefined ? [] : [packageFolder(path)]));
    const manifests = [...new Set([folder, ...folders])].flatMap((each) => this.manifests.get(each ?? "") ?? []);
    return [...inSources, ...manifests.map((manifest) => manifest.findDependency(range))];
  }
}

function featuresOf(checkout: Checkout, folder: string | undefined): HostFeatures {
  const has = (name: string) => checkout.classesNamed(name, folder).length > 0;
  const kind = has("TaskHistoryStore") ? "file-per-task" : has("TaskHistoryBridge") ? "bridge" : "one-array";
  const classes = (name: string) => checkout.classesNamed(name, folder);
  const hasMembers = (name: string, ...members: string[]) =>
    classes(name).some(({ declaration }) => members.every((member) => memberNames(declaration).has(member)));
  return {
    kind,
    hasPassThroughTest: classes("ContextProxy").some(({ file }) =>
      referencedNames(file.program, () => false).has("isPassThroughStateKey"),
    ),
    hasWriteThrough: hasMembers(WRITE_THROUGH.className, WRITE_THROUGH.method, "taskHistoryStore"),
    hasBridgeUser: kind === "bridge" && hasMembers(BRIDGE_USER.className, BRIDGE_USER.method),
  };
}
