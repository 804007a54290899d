import { Ban, Images as Icon, RotateCcw } from 'lucide-react';
import { type FormEvent, type ReactNode, useState } from 'react';
import { api, http, type Schemas } from '../../api/client';
import { useDeed } from '../../app/deed';
import { useOnce } from '../../app/once';
import { useMay } from '../../app/session';
import { bytes, count, percent } from '../../app/words';
import { Badge } from '../../ui/badge';
import { Button } from '../../ui/button';
import { Card, CardBody, CardHead, CardItems } from '../../ui/card';
import { CopyButton } from '../../ui/copy';
import { Field, Input, Select } from '../../ui/field';
import { Progress } from '../../ui/progress';
import { Nothing, Skeleton } from '../../ui/states';
import { Cell, Table } from '../../ui/table';
import { Ago } from '../../ui/time';
import { isOver, JOB_STATUS, type Job } from '../jobs/words';
import { type Asset, pathOf } from '../videos/asset';
import { useJob } from '../videos/status';
import { Download } from './download';
import {
  described,
  expected,
  FORMATS,
  type FramesOutput,
  isOutput,
  outputOf,
  PICKS,
  type Problems,
  USUAL,
  type Wish,
} from './frames-wish';

const SHOWN = 50;

/** Frames of the video as ZIP archives: asked for, filling, and there. */
export function Frames({ asset }: { asset: Asset }) {
  const mayAsk = useMay('jobs:write');
  if (asset.facts !== null && asset.width_px === null) return <Nothing title="There is no picture to take frames of" />;
  return (
    <div className="grid grid-cols-1 items-start gap-5 lg:grid-cols-[22rem_minmax(0,1fr)]">
      {mayAsk && <Request asset={asset} />}
      <Archives asset={asset} />
    </div>
  );
}

function Request({ asset }: { asset: Asset }) {
  const deed = useDeed();
  const [wish, setWish] = useState(USUAL);
  const [problems, setProblems] = useState<Problems>({});
  const put = (part: Partial<Wish>) => setWish((before) => ({ ...before, ...part }));
  const output = outputOf(wish);
  const [send] = useOnce(async (wanted: FramesOutput) => {
    const body = { input: { asset: asset.id }, outputs: [wanted] } as never;
    await deed(() => http.POST('/api/v1/jobs', { body }), {
      done: 'The frames are being taken.',
      touches: ['/api/v1/jobs'],
    });
  });
  const onSubmit = (event: FormEvent) => {
    event.preventDefault();
    setProblems(isOutput(output) ? {} : output);
    if (isOutput(output)) send(output);
  };
  return (
    <Card>
      <CardHead title="Take frames" hint="Pictures out of the source, in a ZIP with a list of their times." />
      <CardBody>
        {asset.source_id === null ? (
          <p className="text-muted-foreground">The source is not here: it is still to come, or not kept any more.</p>
        ) : (
          <form onSubmit={onSubmit} className="grid grid-cols-1 gap-4" noValidate>
            <Which wish={wish} put={put} problems={problems} />
            <Range wish={wish} put={put} problems={problems} />
            <Pictures wish={wish} put={put} problems={problems} />
            <div className="flex flex-wrap items-center gap-3">
              <Button type="submit" variant="primary">
                Take them
              </Button>
              {isOutput(output) && <Expected asset={asset} output={output} />}
            </div>
          </form>
        )}
      </CardBody>
    </Card>
  );
}

function Expected({ asset, output }: { asset: Asset; output: FramesOutput }) {
  const number = expected(output, asset.duration_ms, asset.frame_rate);
  return (
    <span className="text-[13px] text-muted-foreground tabular-nums">
      {number === null ? 'How many, the video decides.' : `About ${count(number, 'picture')}.`}
    </span>
  );
}

interface PartProps {
  wish: Wish;
  put: (part: Partial<Wish>) => void;
  problems: Problems;
}

function Which({ wish, put, problems }: PartProps) {
  return (
    <>
      <Field label="Which frames">
        {(field) => (
          <Select
            {...field}
            wide
            value={wish.pick}
            onChange={(event) => put({ pick: event.target.value as Wish['pick'] })}
          >
            <Options of={PICKS} />
          </Select>
        )}
      </Field>
      {wish.pick === 'rate' && (
        <TextField name="rate" label="Frames a second" {...{ wish, put, problems }} inputMode="decimal" />
      )}
      {wish.pick === 'every' && (
        <TextField name="every" label="One of how many" {...{ wish, put, problems }} inputMode="numeric" />
      )}
      {wish.pick === 'times' && (
        <TextField name="times" label="Times" hint="Such as 2, 0:12.5, 1:30." {...{ wish, put, problems }} />
      )}
    </>
  );
}

function Range({ wish, put, problems }: PartProps) {
  return (
    <div className="grid grid-cols-2 gap-4">
      <TextField name="start" label="From" placeholder="The beginning" {...{ wish, put, problems }} />
      <TextField name="end" label="To" placeholder="The end" {...{ wish, put, problems }} />
    </div>
  );
}

function Pictures({ wish, put, problems }: PartProps) {
  return (
    <div className="grid grid-cols-2 gap-4">
      <Field label="Format">
        {(field) => (
          <Select
            {...field}
            wide
            value={wish.format}
            onChange={(event) => put({ format: event.target.value as Wish['format'] })}
          >
            <Options of={FORMATS} />
          </Select>
        )}
      </Field>
      {wish.format === 'png' ? (
        <p className="self-end text-[13px] text-muted-foreground">PNG takes many times the work of JPEG.</p>
      ) : (
        <TextField name="quality" label="Quality, 1 to 100" {...{ wish, put, problems }} inputMode="numeric" />
      )}
      <TextField
        name="width"
        label="Width in pixels"
        placeholder="The source’s"
        {...{ wish, put, problems }}
        inputMode="numeric"
      />
    </div>
  );
}

interface TextFieldProps extends PartProps {
  name: Exclude<keyof Wish, 'pick' | 'format'>;
  label: string;
  hint?: string;
  placeholder?: string;
  inputMode?: 'numeric' | 'decimal';
}

function TextField({ name, label, hint, wish, put, problems, ...more }: TextFieldProps) {
  return (
    <Field label={label} problem={problems[name]} hint={hint}>
      {(field) => (
        <Input
          {...field}
          {...more}
          autoComplete="off"
          value={wish[name]}
          onChange={(event) => put({ [name]: event.target.value })}
        />
      )}
    </Field>
  );
}

function Options({ of }: { of: Record<string, string> }) {
  return Object.entries(of).map(([value, label]) => (
    <option key={value} value={value}>
      {label}
    </option>
  ));
}

function Archives({ asset }: { asset: Asset }) {
  const query = { asset_id: asset.id, kind: 'frames', limit: SHOWN };
  const found = api.useQuery('get', '/api/v1/jobs', { params: { query } });
  const first = useJob(asset.job_id, true);
  const isFirstKnown = !first.isPending || asset.job_id === null;
  const own = first.data && framesOf(first.data).length > 0 ? [first.data.id] : [];
  const ids = found.data && isFirstKnown ? [...found.data.items.map(({ id }) => id), ...own] : undefined;
  return (
    <Card>
      <CardHead title="Archives" hint="Those of this video, newest first." />
      <CardItems query={found} items={ids} empty={<Nothing icon={<Icon />} title="No frames were taken yet" small />}>
        {(jobs) => (
          <Table label="Archives" head={['Frames', 'State', '']}>
            {jobs.map((id) => (
              <Archive key={id} jobId={id} />
            ))}
          </Table>
        )}
      </CardItems>
    </Card>
  );
}

interface Taken {
  number: number;
  output: FramesOutput;
  made: Schemas['Output'] | undefined;
}

/** The outputs of a job that are frames, with what came of each. */
function framesOf(job: Job): Taken[] {
  return job.spec.outputs.flatMap((output, number) => {
    if (typeof output === 'string' || output.type !== 'frames') return [];
    const made = job.outputs.find(({ type, url }) => type === 'frames' && url.endsWith(`output=${number}`));
    return [{ number, output, made }];
  });
}

function Archive({ jobId }: { jobId: string }) {
  const { data: job } = useJob(jobId, true);
  if (!job) {
    return (
      <tr>
        <Cell colSpan={3}>
          <Skeleton className="h-6" />
        </Cell>
      </tr>
    );
  }
  return framesOf(job).map((taken) => (
    <tr key={taken.number}>
      <Cell>
        {described(taken.output)}
        <span className="block text-[13px] text-muted-foreground tabular-nums">
          {taken.made?.ready && `${bytes(taken.made.size_bytes)} · `}
          <Ago time={job.created_at} />
        </span>
      </Cell>
      <Cell className="w-40">
        <State job={job} taken={taken} />
      </Cell>
      <Cell>
        <div className="flex justify-end gap-1">
          <Actions job={job} taken={taken} />
        </div>
      </Cell>
    </tr>
  ));
}

function State({ job, taken }: { job: Job; taken: Taken }): ReactNode {
  if (taken.made?.ready) return <Badge tone="ok">Ready</Badge>;
  if (job.status === 'done') return <Badge>Not kept any more</Badge>;
  const { label, tone } = JOB_STATUS[job.status];
  const stage = job.stages.find(({ name }) => name === 'frames');
  if (isOver(job) || stage?.status !== 'running') {
    return (
      <>
        <Badge tone={tone}>{label}</Badge>
        {job.error && <p className="mt-1 text-[13px] text-destructive">{job.error.detail}</p>}
      </>
    );
  }
  const { fraction, frame } = stage.progress;
  return (
    <span className="grid gap-1">
      <span className="flex justify-between gap-2 text-[13px] text-muted-foreground tabular-nums">
        <span>{frame ? count(frame, 'picture') : 'Beginning'}</span>
        <span>{percent(fraction)}</span>
      </span>
      <Progress fraction={fraction} label={`Frames: ${described(taken.output)}`} />
    </span>
  );
}

function Actions({ job, taken: { made, output } }: { job: Job; taken: Taken }) {
  const deed = useDeed();
  const mayChange = useMay('jobs:write');
  const path = { params: { path: { job_id: job.id } } };
  const touches = ['/api/v1/jobs'];
  const what = described(output);
  if (made?.ready) {
    return (
      <>
        <Download path={pathOf(made.url)} label={`Download: ${what}`} name="frames.zip" />
        <CopyButton bare text={made.url} label={`Copy the address: ${what}`} />
      </>
    );
  }
  // What else the job makes is none of this page's business.
  if (!mayChange || job.kind !== 'frames' || job.status === 'done') return null;
  if (!isOver(job)) {
    const cancel = () => deed(() => http.DELETE('/api/v1/jobs/{job_id}', path), { done: 'Cancelled.', touches });
    return (
      <Button variant="ghost" size="icon-sm" aria-label={`Cancel: ${what}`} onClick={() => void cancel()}>
        <Ban />
      </Button>
    );
  }
  const retry = () =>
    deed(() => http.POST('/api/v1/jobs/{job_id}/retry', path), { done: 'On its way again.', touches });
  return (
    <Button variant="ghost" size="icon-sm" aria-label={`Try again: ${what}`} onClick={() => void retry()}>
      <RotateCcw />
    </Button>
  );
}
