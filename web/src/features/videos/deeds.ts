import { type QueryClient, useQueryClient } from '@tanstack/react-query';
import { http } from '../../api/client';
import { told } from '../../api/problem';
import { say } from '../../app/messages';
import { count } from '../../app/words';
import type { Asset } from './asset';
import { forget, kept, reload } from './list';

const AT_ONCE = 4;

interface Came<T> {
  done: T[];
  /** What went wrong with the others, in the server's words. */
  problems: string[];
}

/** Does something to each of many, some at a time. */
async function each<T>(items: readonly T[], work: (item: T) => Promise<unknown>): Promise<Came<T>> {
  const left = [...items];
  const done: T[] = [];
  const problems: string[] = [];
  const run = async () => {
    for (let item = left.shift(); item !== undefined; item = left.shift()) {
      try {
        await work(item);
        done.push(item);
      } catch (error) {
        problems.push(told(error).detail);
      }
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, run));
  return { done, problems };
}

async function call(request: Promise<{ error?: unknown }>): Promise<void> {
  const { error } = await request;
  if (error) throw error;
}

const idsOf = (assets: readonly Asset[]) => new Set(assets.map(({ id }) => id));
const path = (asset: Asset) => ({ params: { path: { asset_id: asset.id } } });

function report(done: string, problems: string[], action?: { label: string; run: () => void }): void {
  if (problems.length === 0) say(done, action);
  else say(`${count(problems.length, 'of them was', 'of them were')} refused: ${problems[0]}`, action, 'error');
}

interface End {
  /** Nobody can restore them then. */
  forGood: boolean;
}

/**
 * Lets videos vanish at once, and then does away with them. Those that stay are shown again: as they were, for who has
 * lost the connection can't ask how they are.
 */
async function remove(queries: QueryClient, assets: readonly Asset[], { forGood }: End): Promise<Came<Asset>> {
  const show = kept(queries);
  forget(queries, idsOf(assets), forGood);
  const query = forGood ? { permanent: true } : {};
  const came = await each(assets, (asset) =>
    call(http.DELETE('/api/v1/assets/{asset_id}', { params: { ...path(asset).params, query } })),
  );
  const gone = idsOf(came.done);
  if (came.problems.length > 0) show(gone);
  // A list that was asked for meanwhile may still have them.
  forget(queries, gone, forGood);
  if (came.problems.length > 0) {
    const stay = assets.filter(({ id }) => !gone.has(id));
    void reload(queries, idsOf(stay));
  }
  return came;
}

/** Deletes videos at once, and offers to take it back. */
export async function deleteVideos(queries: QueryClient, assets: readonly Asset[]): Promise<void> {
  const { done, problems } = await remove(queries, assets, { forGood: false });
  const undo = { label: 'Undo', run: () => void restoreVideos(queries, done) };
  report(`${count(done.length, 'video')} deleted.`, problems, done.length > 0 ? undo : undefined);
}

/** Takes deletions back. */
export async function restoreVideos(queries: QueryClient, assets: readonly Asset[]): Promise<void> {
  const { done, problems } = await each(assets, (asset) =>
    call(http.POST('/api/v1/assets/{asset_id}/restore', path(asset))),
  );
  void reload(queries, idsOf(done));
  report(`${count(done.length, 'video')} restored.`, problems);
}

/** Deletes videos for good that were deleted before. */
export async function purgeVideos(queries: QueryClient, assets: readonly Asset[]): Promise<void> {
  const { done, problems } = await remove(queries, assets, { forGood: true });
  void reload(queries);
  report(`${count(done.length, 'video')} deleted for good.`, problems);
}

/** Tries the jobs of videos again that failed. */
export async function retryVideos(queries: QueryClient, assets: readonly Asset[]): Promise<void> {
  const jobs = assets.flatMap(({ job_id }) => (job_id ? [job_id] : []));
  const { done, problems } = await each(jobs, (job_id) =>
    call(http.POST('/api/v1/jobs/{job_id}/retry', { params: { path: { job_id } } })),
  );
  void reload(queries);
  report(`${count(done.length, 'video')} on the way again.`, problems);
}

/** What can be done to videos, from lists and from a video's own page. */
export function useDeeds() {
  const queries = useQueryClient();
  return {
    remove: (assets: readonly Asset[]) => deleteVideos(queries, assets),
    restore: (assets: readonly Asset[]) => restoreVideos(queries, assets),
    purge: (assets: readonly Asset[]) => purgeVideos(queries, assets),
    retry: (assets: readonly Asset[]) => retryVideos(queries, assets),
  };
}
