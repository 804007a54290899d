import { useState } from 'react';
import { api, type Schemas } from '../../api/client';
import { Button } from '../../ui/button';
import { cn } from '../../ui/cn';
import { Failed } from '../../ui/states';
import { STAGE_STATUS } from '../jobs/words';
import { COLOURS, MARKS } from './stage-marks';

/** What the states of stages mean, in the words of the platform's own table; it is asked for when somebody looks. */
export function Legend() {
  const [isOpen, setOpen] = useState(false);
  const found = api.useQuery('get', '/api/v1/states', {}, { enabled: isOpen, staleTime: Number.POSITIVE_INFINITY });
  const states = found.data?.items.find(({ name }) => name === 'task')?.states ?? {};
  return (
    <div className="grid gap-1">
      <Button variant="ghost" size="sm" className="w-fit" aria-expanded={isOpen} onClick={() => setOpen(!isOpen)}>
        What the states mean
      </Button>
      {isOpen && found.isError && <Failed error={found.error} onRetry={() => void found.refetch()} />}
      {isOpen && (
        <dl className="grid grid-cols-[auto_1fr] gap-x-4 gap-y-1 px-3 text-[13px]">
          {Object.entries(states).map(([word, meaning]) => (
            <State key={word} word={word} meaning={meaning} />
          ))}
        </dl>
      )}
    </div>
  );
}

function isKnown(word: string): word is Schemas['TaskStatus'] {
  return word in STAGE_STATUS;
}

function State({ word, meaning }: { word: string; meaning: string }) {
  const Mark = isKnown(word) ? MARKS[word] : null;
  return (
    <>
      <dt className="flex items-center gap-1.5 font-medium">
        {Mark && isKnown(word) && <Mark aria-hidden className={cn('size-4', COLOURS[STAGE_STATUS[word].tone].text)} />}
        {isKnown(word) ? STAGE_STATUS[word].label : word}
      </dt>
      <dd className="text-muted-foreground">{meaning}</dd>
    </>
  );
}
