import type { Schemas } from '../../api/client';

type Step = Schemas['PlanStep'];

/** A stage in the picture: how far right it stands, and how far down, in places that may be halves. */
export interface Box {
  name: string;
  layer: number;
  row: number;
  /** What it makes, where its name does not say it. */
  detail: string;
}

export interface Line {
  from: string;
  to: string;
}

export interface Picture {
  boxes: Box[];
  lines: Line[];
  layers: number;
  rows: number;
}

type Needs = Map<string, Set<string>>;

const SOURCE = 'source';
const FETCH = 'fetch';
const PROBE = 'probe';

/**
 * The plan as it is drawn: the tasks of a stage are one box, and each stage stands to the right of all that it needs.
 * `stages` are those of the job, in their order; nothing begins before the source was probed.
 */
export function layoutOf(stages: readonly string[], steps: readonly Step[]): Picture {
  const needs = needsOf(stages, steps);
  const layers = layersOf(stages, needs);
  const lines = stages.flatMap((to) => directly(to, needs).map((from) => ({ from, to })));
  const columns = columnsOf(stages, layers, lines);
  const rows = Math.max(1, ...columns.map((column) => column.length));
  const places = placesOf(columns, lines, rows);
  const boxes = columns.flatMap((column, layer) =>
    column.map((name) => ({ name, layer, row: places.get(name) ?? 0, detail: detailOf(name, steps) })),
  );
  return { boxes, lines, layers: columns.length, rows: Math.max(rows, ...boxes.map(({ row }) => row + 1)) };
}

function needsOf(stages: readonly string[], steps: readonly Step[]): Needs {
  const stageOf = new Map(steps.map(({ id, stage }) => [id, stage]));
  const needs: Needs = new Map(stages.map((name) => [name, new Set()]));
  for (const { stage, inputs } of steps) {
    for (const id of Object.values(inputs).flat()) {
      const needed = id === SOURCE ? undefined : stageOf.get(id);
      if (needed !== undefined && needed !== stage && needs.has(needed)) needs.get(stage)?.add(needed);
    }
  }
  for (const [name, needed] of needs) {
    const before = name === PROBE ? FETCH : PROBE;
    if (needed.size === 0 && name !== FETCH && needs.has(before)) needed.add(before);
  }
  return needs;
}

/** Whether a stage needs another, be it by way of others. */
function reaches(name: string, wanted: string, needs: Needs, seen = new Set<string>()): boolean {
  if (seen.has(name)) return false;
  seen.add(name);
  return [...(needs.get(name) ?? [])].some((next) => next === wanted || reaches(next, wanted, needs, seen));
}

/** What a stage needs that nothing else of what it needs stands behind. */
function directly(name: string, needs: Needs): string[] {
  const needed = [...(needs.get(name) ?? [])];
  return needed.filter((one) => !needed.some((other) => other !== one && reaches(other, one, needs)));
}

function layersOf(stages: readonly string[], needs: Needs): Map<string, number> {
  const layers = new Map<string, number>();
  const layer = (name: string): number => {
    const known = layers.get(name);
    if (known !== undefined) return known;
    layers.set(name, 0);
    const found = Math.max(-1, ...[...(needs.get(name) ?? [])].map(layer)) + 1;
    layers.set(name, found);
    return found;
  };
  for (const name of stages) layer(name);
  return layers;
}

/** The stages of each layer: first those that something comes of. */
function columnsOf(stages: readonly string[], layers: Map<string, number>, lines: readonly Line[]): string[][] {
  const columns = Array.from({ length: Math.max(0, ...layers.values()) + 1 }, (): string[] => []);
  for (const name of stages) columns[layers.get(name) ?? 0]?.push(name);
  const goesOn = new Set(lines.map(({ from }) => from));
  return columns.map((column) => [...column].sort((one, other) => Number(goesOn.has(other)) - Number(goesOn.has(one))));
}

/** How far down each stage stands: the fullest layers are centred, the others are beside what they need. */
function placesOf(columns: readonly string[][], lines: readonly Line[], rows: number): Map<string, number> {
  const places = new Map<string, number>();
  for (const [layer, column] of columns.entries()) {
    const centred = (rows - column.length) / 2;
    const wish = (name: string, place: number): number => {
      const before = lines.filter(({ to }) => to === name).map(({ from }) => places.get(from) ?? 0);
      if (layer === 0 || column.length === rows || before.length === 0) return centred + place;
      return before.reduce((sum, row) => sum + row, 0) / before.length;
    };
    const wishes = column.map((name, place) => [name, wish(name, place)] as const).sort(([, a], [, b]) => a - b);
    let free = 0;
    for (const [place, [name, row]] of wishes.entries()) {
      const most = Math.max(free, rows - (column.length - place));
      const found = Math.min(Math.max(row, free), most);
      places.set(name, found);
      free = found + 1;
    }
  }
  return places;
}

function detailOf(stage: string, steps: readonly Step[]): string {
  const own = steps.filter((step) => step.stage === stage);
  const rungs = own[0]?.options.rungs;
  if (Array.isArray(rungs)) return rungs.map(({ name }: { name: string }) => quality(name)).join(', ');
  const named = own.map(({ id }) => id.slice(stage.length + 1)).filter((name) => /\D|\d{3}/.test(name));
  return named.map(quality).join(', ');
}

/** `1080p` of `h264-1080` or of a height alone; other codecs are named. */
function quality(name: string): string {
  return name.replace(/^(?:h264-)?(\d+)$/, '$1p');
}
