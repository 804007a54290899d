import { useInfiniteQuery } from '@tanstack/react-query';
import { Download, ScrollText } from 'lucide-react';
import { useDeferredValue, useState } from 'react';
import { http, type Schemas } from '../../api/client';
import { Button } from '../../ui/button';
import { Card, CardHead } from '../../ui/card';
import { Input } from '../../ui/field';
import { Failed, Loading, Nothing } from '../../ui/states';
import { Cell, Table } from '../../ui/table';
import { Ago } from '../../ui/time';

async function pageOf(action: string, cursor: string | null): Promise<Schemas['AuditPage']> {
  const query = { limit: 50, ...(action ? { action } : {}), ...(cursor ? { cursor } : {}) };
  const { data, error } = await http.GET('/api/v1/audit', { params: { query } });
  if (!data) throw error;
  return data;
}

/** Who did what, newest first. */
export default function Audit() {
  const [typed, setTyped] = useState('');
  const action = useDeferredValue(typed.trim());
  const found = useInfiniteQuery({
    queryKey: ['get', '/api/v1/audit', action],
    initialPageParam: null as string | null,
    queryFn: ({ pageParam }) => pageOf(action, pageParam),
    getNextPageParam: (page) => page.next_cursor,
  });
  const entries = found.data?.pages.flatMap((page) => page.items) ?? [];
  return (
    <Card>
      <CardHead title="Audit log" hint="Everything that people and keys have done, newest first.">
        <div className="flex gap-2">
          <Input
            type="search"
            aria-label="Only this action"
            placeholder="asset.deleted"
            className="w-44"
            value={typed}
            onChange={(event) => setTyped(event.target.value)}
          />
          <Button asChild>
            <a href="/api/v1/audit/export" download>
              <Download aria-hidden /> Export
            </a>
          </Button>
        </div>
      </CardHead>
      {found.isPending ? (
        <div className="px-5 pb-5">
          <Loading />
        </div>
      ) : found.isError ? (
        <Failed error={found.error} onRetry={() => void found.refetch()} />
      ) : entries.length === 0 ? (
        <Nothing icon={<ScrollText />} title="Nothing of this kind" />
      ) : (
        <Table label="Audit log" head={['When', 'Who', 'Action', 'What', 'From']}>
          {entries.map((entry) => (
            <tr key={entry.id}>
              <Cell className="text-muted-foreground">
                <Ago time={entry.at} />
              </Cell>
              <Cell dir="auto">{entry.actor}</Cell>
              <Cell className="font-mono text-[13px]">{entry.action}</Cell>
              <Cell className="font-mono text-[13px] text-muted-foreground">{entry.subject_id}</Cell>
              <Cell className="text-muted-foreground">{entry.address}</Cell>
            </tr>
          ))}
        </Table>
      )}
      {found.hasNextPage && (
        <div className="border-t p-3 text-center">
          <Button onClick={() => void found.fetchNextPage()}>More</Button>
        </div>
      )}
    </Card>
  );
}
