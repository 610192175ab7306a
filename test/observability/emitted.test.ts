import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "chai";
import { parse } from "yaml";
import { ROOT } from "../support/document.js";
import { type Expression, matches, parsePromql, type Selector } from "../support/promql.js";
import { type Point, Telemetry } from "../support/telemetry.js";
import { TestBed } from "../support/test-bed.js";
import { runEventfully } from "./eventful-run.js";

/** A series as Prometheus has it. */
interface Series {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
}

interface Rule {
  readonly alert: string;
  readonly expr: string;
  readonly labels: { readonly severity: string };
  readonly annotations: Record<string, string>;
}

interface Panel {
  readonly type: string;
  readonly title: string;
  readonly description?: string;
  readonly datasource?: unknown;
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
  readonly targets?: readonly { readonly expr: string; readonly legendFormat: string }[];
}

const read = (path: string) => readFileSync(join(ROOT, "docs", path), "utf8");
const { groups } = parse(read("observability/alerts.yml")) as { groups: { name: string; rules: Rule[] }[] };
const RULES = groups.flatMap(({ rules }) => rules);
const DASHBOARD = JSON.parse(read("observability/dashboard.json")) as {
  uid: string;
  panels: Panel[];
  templating: { list: { name: string; type: string; query: unknown }[] };
};
const CHARTS = DASHBOARD.panels.filter(({ type }) => type !== "row");

/** Every series of a scrape has them, whoever is scraped; `le` those of a histogram's buckets. */
const LABELS_OF_SCRAPES = ["job", "instance"];

const HISTOGRAM_SUFFIXES = ["_bucket", "_sum", "_count"];
const UNIT_SUFFIXES: Record<string, string> = { s: "_seconds", By: "_bytes" };

/** What the table in docs/observability.md says, by name. */
function documented(): Record<string, { type: string; unit: string; attributes: string[] }> {
  const section = /^## Metrics\n(.*?)^### /ms.exec(read("observability.md"))![1]!;
  const rows = [...section.matchAll(/^\| `([\w.]+)` *\|([^|]*)\| *`([^`]+)` *\|([^|]*)\|/gm)];
  return Object.fromEntries(
    rows.map(([, name, type, unit, attributes]) => [
      name!,
      { type: type!.trim(), unit: unit!, attributes: [...attributes!.matchAll(/`([^`]+)`/g)].map(([, each]) => each!) },
    ]),
  );
}

/** Lines of the text format that Prometheus scrapes. */
function seriesIn(exposition: string): Series[] {
  return exposition
    .split("\n")
    .filter((line) => line.startsWith("redis_mirrored") || line.startsWith("db_client"))
    .map((line) => {
      const [, name, labels] = /^(\w+)\{(.*)\} /.exec(line)!;
      const pairs = [...labels!.matchAll(/(\w+)="([^"]*)"/g)].map(([, label, value]) => [label!, value!]);
      return { name: name!, labels: Object.fromEntries(pairs) as Record<string, string> };
    });
}

/** As a collector names them, and Prometheus's OTLP endpoint: with the unit behind the name. */
function withUnit(series: Series, points: readonly Point[]): Series {
  const base = series.name.replace(new RegExp(`(${HISTOGRAM_SUFFIXES.join("|")}|_total)$`), "");
  const point = points.find(({ name }) => [base, series.name].includes(name.replaceAll(".", "_")))!;
  const exact = point.name.replaceAll(".", "_");
  return { ...series, name: exact + (UNIT_SUFFIXES[point.unit] ?? "") + series.name.slice(exact.length) };
}

describe("what is emitted of an eventful run on a real server", function () {
  this.timeout(30_000);
  let telemetry: Telemetry;
  let bed: TestBed;
  let points: Point[];
  let scraped: Series[];
  before(async () => {
    telemetry = new Telemetry();
    bed = await TestBed.open();
    const close = await runEventfully(bed);
    points = await telemetry.points();
    scraped = seriesIn(await telemetry.exposition());
    await close();
  });
  after(async () => {
    await bed.close();
    await telemetry[Symbol.asyncDispose]();
  });

  it("is what the table says, name by name, with the types, units and attributes that it says", () => {
    const emitted: ReturnType<typeof documented> = {};
    for (const { name, type, unit, attributes } of points) {
      const known = (emitted[name] ??= { type, unit, attributes: [] });
      known.attributes = [...new Set([...known.attributes, ...Object.keys(attributes)])];
    }
    const sorted = (table: ReturnType<typeof documented>) =>
      Object.fromEntries(
        Object.entries(table).map(([name, entry]) => [name, { ...entry, attributes: entry.attributes.toSorted() }]),
      );
    expect(sorted(emitted)).to.deep.equal(sorted(documented()));
  });

  it("has each state, reason and outcome that the table names and that a run can bring about", () => {
    const valuesOf = (name: string, attribute: string) => [
      ...new Set(points.filter((point) => point.name === name).map(({ attributes }) => attributes[attribute])),
    ];
    expect(valuesOf("redis_mirrored.drops", "redis_mirrored.reason")).to.have.members(["not-json", "selector"]);
    expect(valuesOf("redis_mirrored.restore.duration", "redis_mirrored.outcome")).to.have.members([
      "restored",
      "absent",
      "unreadable",
      "refused",
    ]);
    expect(valuesOf("redis_mirrored.conflicts", "redis_mirrored.outcome")).to.have.members(["kept"]);
    expect(valuesOf("redis_mirrored.breaker.transitions", "redis_mirrored.breaker.state")).to.have.members([
      "open",
      "half-open",
      "closed",
    ]);
    expect(valuesOf("redis_mirrored.failures", "error.type")).to.have.members(["REFUSED", "CONNECTION_LOST"]);
    const misconfigured = points.find(({ attributes }) => attributes["redis_mirrored.state"] === "misconfigured");
    expect(misconfigured!.value).to.be.at.least(1);
  });

  it("is a span for each batch and each restore, of which some failed", () => {
    const seen = new Set(telemetry.spans.map(({ name, status }) => `${name} ${status.code}`));
    expect([...seen]).to.have.members([
      "redis_mirrored.batch 0",
      "redis_mirrored.batch 2",
      "redis_mirrored.restore 0",
      "redis_mirrored.restore 2",
    ]);
  });

  /** What of an expression is not emitted; empty: it would find something. */
  function missingOf({ selectors, groupingLabels }: Expression, series: readonly Series[]): string[] {
    const found = selectors.map((selector) => ({ selector, meant: meantBy(selector, series) }));
    const labels = new Set(found.flatMap(({ meant }) => meant.flatMap((each) => Object.keys(each.labels))));
    return [
      ...found.filter(({ meant }) => meant.length === 0).map(({ selector }) => selector.text),
      ...groupingLabels.filter((label) => !labels.has(label) && !LABELS_OF_SCRAPES.includes(label)),
    ];
  }

  /** Only those that have each label that is asked for: one that is misspelt would match as an empty one. */
  function meantBy({ name, matchers }: Selector, series: readonly Series[]): Series[] {
    return series.filter((each) =>
      [...matchers, ...(name === undefined ? [] : [{ label: "__name__", operator: "=" as const, value: name }])].every(
        (matcher) => {
          if (LABELS_OF_SCRAPES.includes(matcher.label)) return true;
          const actual = matcher.label === "__name__" ? each.name : each.labels[matcher.label];
          return actual !== undefined && matches(matcher, actual);
        },
      ),
    );
  }

  const QUERIES = [
    ...RULES.map(({ alert, expr }) => [alert, expr] as const),
    ...CHARTS.flatMap(({ title, targets }) => targets!.map(({ expr }) => [title, expr] as const)),
  ].map(([title, expr]) => [title, expr.replaceAll("$__rate_interval", "5m")] as const);

  for (const [title, expr] of QUERIES)
    it(`has what is asked for by ${title}: ${expr}`, () => {
      const expression = parsePromql(expr);
      expect(expression.selectors).not.to.deep.equal([]);
      expect(missingOf(expression, scraped)).to.deep.equal([]);
      expect(
        missingOf(
          expression,
          scraped.map((series) => withUnit(series, points)),
        ),
      ).to.deep.equal([]);
    });

  it("would be missed by a query with a name, a label or a value that is not emitted, and that is no PromQL", () => {
    const missing = (expr: string) => missingOf(parsePromql(expr), scraped);
    expect(missing("redis_mirrored_saves")).to.deep.equal(["redis_mirrored_saves"]);
    expect(missing('redis_mirrored_saves_total{record!="x"}')).to.have.length(1);
    expect(missing('redis_mirrored_drops_total{redis_mirrored_reason="lost"}')).to.have.length(1);
    expect(missing("sum by (record) (redis_mirrored_saves_total)")).to.deep.equal(["record"]);
    expect(() => parsePromql("sum by (rate(redis_mirrored_saves_total[5m])")).to.throw("Expected PromQL");
  });

  it("is what legends and texts of alerts refer to", () => {
    const labels = new Set([...scraped.flatMap((series) => Object.keys(series.labels)), ...LABELS_OF_SCRAPES]);
    const texts = [
      ...CHARTS.flatMap(({ targets }) => targets!.map(({ legendFormat }) => legendFormat)),
      ...RULES.flatMap(({ annotations }) => Object.values(annotations)),
    ].join("\n");
    const named = [...texts.matchAll(/\{\{ *(?:\$labels\.)?(\w+) *\}\}/g)].map(([, label]) => label!);
    expect(named).to.include.members(["instance", "redis_mirrored_record"]);
    expect(named.filter((label) => !labels.has(label))).to.deep.equal([]);
  });
});

describe("the alert rules", () => {
  it("have each a name of its own, a severity, and say what it is and what to do", () => {
    expect(new Set(RULES.map(({ alert }) => alert)).size).to.equal(RULES.length);
    for (const { alert, labels, annotations } of RULES) {
      expect(alert).to.match(/^RedisMirrored[A-Z]/);
      expect(labels.severity, alert).to.be.oneOf(["info", "warning", "critical"]);
      expect(annotations, alert).to.have.all.keys("summary", "description", "runbook");
    }
  });

  it("speak of what is worth waking somebody for", () => {
    const names = ["Degraded", "Misconfigured", "Dropping", "Lagging", "Conflicts", "BreakerOpens", "RestoresFail"];
    expect(RULES.map(({ alert }) => alert)).to.include.members(names.map((name) => `RedisMirrored${name}`));
  });
});

describe("the dashboard", () => {
  it("asks the data source that is chosen, for the jobs and instances that are", () => {
    expect(DASHBOARD.uid).to.equal("redis-mirrored");
    const variables = Object.fromEntries(DASHBOARD.templating.list.map(({ name, type }) => [name, type]));
    expect(variables).to.deep.equal({ datasource: "datasource", job: "query", instance: "query" });
    for (const { title, datasource, targets, description } of CHARTS) {
      expect(datasource, title).to.deep.equal({ type: "prometheus", uid: "${datasource}" });
      expect(description, title).to.be.a("string");
      for (const { expr } of targets!) expect(expr, title).to.contain('job=~"$job",instance=~"$instance"');
    }
  });

  it("has no chart that lies on another, or beyond the edge", () => {
    for (const [index, { title, gridPos: a }] of DASHBOARD.panels.entries()) {
      expect(a.x + a.w, title).to.be.at.most(24);
      for (const { gridPos: b } of DASHBOARD.panels.slice(index + 1)) {
        const isApart = a.x + a.w <= b.x || b.x + b.w <= a.x || a.y + a.h <= b.y || b.y + b.h <= a.y;
        expect(isApart, title).to.equal(true);
      }
    }
  });
});
