import { useInfiniteQuery } from '@tanstack/react-query';
import { Download, ScrollText } from 'lucide-react';
import { useDeferredValue, useState } from 'react';
import { answered } from '../../api/answered';
import { http, type Schemas } from '../../api/client';
import { download } from '../../app/download';
import { sayProblem } from '../../app/messages';
import { fetchMore } from '../../app/more';
import { Button } from '../../ui/button';
import { Card, CardHead, CardItems } from '../../ui/card';
import { Input } from '../../ui/field';
import { Menu, MenuItem } from '../../ui/menu';
import { Nothing } from '../../ui/states';
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
  return (
    <Card>
      <CardHead title="Audit log" hint="Everything that people and keys have done, newest first.">
        <div className="flex gap-2">
          <Input
            type="search"
            aria-label="Only this action"
            placeholder="asset.deleted"
            maxLength={60}
            className="max-w-44"
            value={typed}
            onChange={(event) => setTyped(event.target.value)}
          />
          <Export action={action} />
        </div>
      </CardHead>
      <CardItems
        query={found}
        items={found.data?.pages.flatMap((page) => page.items)}
        empty={<Nothing icon={<ScrollText />} title="Nothing of this kind" />}
      >
        {(entries) => (
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
      </CardItems>
      {found.hasNextPage && (
        <div className="border-t p-3 text-center">
          <Button onClick={() => fetchMore(found)}>More</Button>
        </div>
      )}
    </Card>
  );
}

const FORMS = { ndjson: 'JSON, an entry on each line', csv: 'CSV, for spreadsheets' } as const;

/** The whole log as a file: by a request like any other, for a link can't say in which organization one works. */
function Export({ action }: { action: string }) {
  const take = async (format: keyof typeof FORMS) => {
    const query = { format, ...(action ? { action } : {}) };
    try {
      const file = await answered(http.GET('/api/v1/audit/export', { params: { query }, parseAs: 'blob' }));
      download(file as Blob, `audit.${format}`);
    } catch (error) {
      sayProblem(error);
    }
  };
  return (
    <Menu
      trigger={
        <Button>
          <Download aria-hidden /> Export
        </Button>
      }
    >
      {Object.entries(FORMS).map(([format, label]) => (
        <MenuItem key={format} onSelect={() => void take(format as keyof typeof FORMS)}>
          {label}
        </MenuItem>
      ))}
    </Menu>
  );
}
