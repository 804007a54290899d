import { Link } from '@tanstack/react-router';
import { Server } from 'lucide-react';
import { api, type Schemas } from '../../api/client';
import { instead } from '../../api/problem';
import { bytes, count } from '../../app/words';
import { Badge } from '../../ui/badge';
import { Card, CardBody, CardHead } from '../../ui/card';
import { Page } from '../../ui/page';
import { Progress } from '../../ui/progress';
import { Failed, Loading, Nothing } from '../../ui/states';
import { Ago } from '../../ui/time';

type Node = Schemas['Node'];

const LOOK_MS = 3_000;

/** The machines that work: what they have, and what runs where. */
export function Nodes() {
  const found = api.useQuery('get', '/api/v1/nodes', {}, { refetchInterval: LOOK_MS });
  const wrong = instead(found);
  return (
    <Page title="Nodes" hint="The machines that answer now, and what runs on them.">
      {wrong ? (
        <Failed error={wrong} onRetry={() => void found.refetch()} />
      ) : !found.data ? (
        <Loading />
      ) : found.data.items.length === 0 ? (
        <Nothing icon={<Server />} title="No machine answers" />
      ) : (
        <div className="grid grid-cols-1 items-start gap-5 lg:grid-cols-2">
          {found.data.items.map((node) => (
            <NodeCard key={node.name} node={node} />
          ))}
        </div>
      )}
    </Page>
  );
}

function NodeCard({ node }: { node: Node }) {
  return (
    <Card aria-label={node.name}>
      <CardHead
        title={
          <span className="flex items-center gap-2" dir="auto">
            {node.name}
            {node.simulated && <Badge>simulated</Badge>}
          </span>
        }
        hint={`${count(node.running, 'attempt')} running`}
      />
      <CardBody className="grid grid-cols-1 gap-4">
        <Use name="Cores" used={node.cpu_used} most={node.cpu} words={cores} />
        <Use name="Memory" used={node.memory_used_bytes} most={node.memory_bytes} words={bytes} />
        {node.gpus.length > 0 && (
          <>
            <Use name="GPUs" used={node.gpus_used} most={node.gpus.length} words={cores} />
            <Words name={`GPUs, the largest with ${bytes(node.gpu_memory_bytes)}`} words={node.gpus} />
          </>
        )}
        {node.encoders.length > 0 && <Words name="Hardware encoders" words={node.encoders} />}
        {node.cache_max_bytes > 0 && (
          <Use name="Cache of inputs" used={node.cache_bytes} most={node.cache_max_bytes} words={bytes} />
        )}
        {node.attempts.length > 0 && (
          <ul aria-label={`What runs on ${node.name}`} className="grid gap-1 border-t pt-3">
            {node.attempts.map((attempt) => (
              <li key={attempt.id} className="flex items-center justify-between gap-3">
                <Link to="/jobs" className="font-medium no-underline hover:underline">
                  {attempt.label}
                </Link>
                <span className="text-[13px] text-muted-foreground">
                  <Ago time={attempt.since} />
                </span>
              </li>
            ))}
          </ul>
        )}
      </CardBody>
    </Card>
  );
}

/** `1.5`: cores and GPUs, of which there are shares. */
function cores(number: number): string {
  return `${Math.round(number * 10) / 10}`;
}

interface UseProps {
  name: string;
  used: number;
  most: number;
  words: (amount: number) => string;
}

/** How much of something there is, and how much of it what runs there has asked for. */
function Use({ name, used, most, words }: UseProps) {
  return (
    <div className="grid gap-1.5">
      <p className="flex justify-between text-[13px] text-muted-foreground">
        <span>{name}</span>
        <span className="tabular-nums">
          {words(used)} of {words(most)}
        </span>
      </p>
      <Progress fraction={most > 0 ? used / most : 0} label={name} />
    </div>
  );
}

function Words({ name, words }: { name: string; words: readonly string[] }) {
  return (
    <div className="grid gap-1.5">
      <p className="text-[13px] text-muted-foreground">{name}</p>
      <p className="flex flex-wrap gap-1.5">
        {words.map((word, place) => (
          // Two GPUs may be of one name.
          <Badge key={`${place} ${word}`}>{word}</Badge>
        ))}
      </p>
    </div>
  );
}
