import type { Query, QueryClient } from '@tanstack/react-query';
import { isFinal } from '../api/problem';
import type { LiveEvent } from './live';
import { renew, settled } from './renew';

const GATHER_MS = 300;
const APART_MS = 1_000; // while a job with many tasks runs there is no end of events

const OUTPUTS = '/api/v1/assets/{asset_id}/outputs';
const AUDIT = '/api/v1/audit';

// The queries that an event may make old, by the beginning of its type and of their path; `$` ends a path that is whole.
const TOUCHED: readonly (readonly [string, readonly string[]])[] = [
  ['job.', ['/api/v1/jobs', '/api/v1/usage', OUTPUTS]],
  ['task.', ['/api/v1/jobs/', '/api/v1/nodes', OUTPUTS]],
  ['upload.', ['/api/v1/uploads']],
  ['track.', ['/api/v1/assets/{asset_id}/tracks', OUTPUTS]],
  ['asset.', ['/api/v1/assets$', '/api/v1/quotas', '/api/v1/cleanup', AUDIT]],
  ['key.', ['/api/v1/keys', '/api/v1/caller', AUDIT]],
  ['webhook.', ['/api/v1/webhooks', AUDIT]],
  ['signing_key.', ['/api/v1/signing-keys', AUDIT]],
  ['member.', ['/api/v1/members', '/api/v1/caller', '/api/v1/organizations', AUDIT]],
  ['invitation.', ['/api/v1/invitations', AUDIT]],
  ['organization.', ['/api/v1/organization', AUDIT]],
  ['quota.', ['/api/v1/quotas']],
  ['cleanup.', ['/api/v1/cleanup', '/api/v1/quotas']],
];

/** Whether a path is among those that an event makes old. */
function isAmong(path: unknown, old: readonly string[]): boolean {
  return typeof path === 'string' && old.some((one) => `${path}$`.startsWith(one));
}

type Watcher = (event: LiveEvent) => void;

/**
 * Keeps what is shown as new as the events that come. Those of a moment are answered together, so that a job with a
 * hundred tasks is asked for once. A page that can do better than to ask again listens by `watch`, and names the events
 * in `meta.follows` of its queries.
 */
export class Fresh {
  private readonly old = new Set<string>();
  private readonly watchers = new Set<Watcher>();
  private timer = 0;
  private flushedAtMs = Number.NEGATIVE_INFINITY;

  constructor(private readonly queries: QueryClient) {}

  readonly take = (event: LiveEvent): void => {
    for (const watcher of this.watchers) watcher(event);
    this.missed(event);
    for (const [type, paths] of TOUCHED) {
      if (event.type.startsWith(type)) for (const path of paths) this.old.add(path);
    }
    if (this.old.size === 0 || this.timer !== 0) return;
    const waitMs = Math.max(GATHER_MS, this.flushedAtMs + APART_MS - Date.now());
    this.timer = window.setTimeout(() => this.flush(), waitMs);
  };

  /** Asks for everything anew, once what is on its way is there: a page that opens shows its first answers at once. */
  readonly all = (): void => {
    const isBusy = () => this.queries.isFetching() > 0;
    const begin = () => void this.queries.invalidateQueries();
    if (!isBusy()) {
      begin();
      return;
    }
    const stop = this.queries.getQueryCache().subscribe(() => {
      if (isBusy()) return;
      stop();
      begin();
    });
  };

  /** Asks again for what could not be had while the server was away. */
  readonly again = (): void => {
    const isAway = (error: unknown) => error !== null && !isFinal(error);
    void this.queries.refetchQueries({ type: 'active', predicate: ({ state }) => isAway(state.error) });
  };

  watch(watcher: Watcher): () => void {
    this.watchers.add(watcher);
    return () => this.watchers.delete(watcher);
  }

  /** What follows events by itself does so while it is shown: what nobody looks at is asked for when somebody does. */
  private missed({ type }: LiveEvent): void {
    const follows = ({ meta }: Query) => typeof meta?.follows === 'string' && type.startsWith(meta.follows);
    for (const query of this.queries.getQueryCache().findAll({ type: 'inactive', predicate: follows })) {
      query.invalidate();
      void settled(this.queries, query).then(() => query.invalidate());
    }
  }

  private flush(): void {
    this.timer = 0;
    this.flushedAtMs = Date.now();
    const paths = [...this.old];
    this.old.clear();
    renew(this.queries, { predicate: ({ queryKey: [, path] }) => isAmong(path, paths) });
  }
}
