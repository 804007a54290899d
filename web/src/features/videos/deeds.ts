import { type QueryClient, useQueryClient } from '@tanstack/react-query';
import { http } from '../../api/client';
import { told } from '../../api/problem';
import { say } from '../../app/messages';
import { count } from '../../app/words';
import type { Asset } from './asset';
import { forget, reload } from './list';

const AT_ONCE = 4;

/** Does something to each of many, some at a time; what went wrong, in the server's words. */
export async function each<T>(items: readonly T[], work: (item: T) => Promise<unknown>): Promise<string[]> {
  const left = [...items];
  const problems: string[] = [];
  const run = async () => {
    for (let item = left.shift(); item !== undefined; item = left.shift()) {
      try {
        await work(item);
      } catch (error) {
        problems.push(told(error).detail);
      }
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, run));
  return problems;
}

async function call(request: Promise<{ error?: unknown }>): Promise<void> {
  const { error } = await request;
  if (error) throw error;
}

const path = (asset: Asset) => ({ params: { path: { asset_id: asset.id } } });

function report(done: string, problems: string[], action?: { label: string; run: () => void }): void {
  if (problems.length === 0) say(done, action);
  else say(`${count(problems.length, 'of them was', 'of them were')} refused: ${problems[0]}`, action, 'error');
}

/** Deletes videos at once, and offers to take it back. */
export async function deleteVideos(queries: QueryClient, assets: readonly Asset[]): Promise<void> {
  forget(queries, new Set(assets.map(({ id }) => id)));
  const problems = await each(assets, (asset) => call(http.DELETE('/api/v1/assets/{asset_id}', path(asset))));
  if (problems.length > 0) await reload(queries);
  const undo = { label: 'Undo', run: () => void restoreVideos(queries, assets) };
  report(`${count(assets.length, 'video')} deleted.`, problems, undo);
}

/** Takes deletions back. */
export async function restoreVideos(queries: QueryClient, assets: readonly Asset[]): Promise<void> {
  const problems = await each(assets, (asset) => call(http.POST('/api/v1/assets/{asset_id}/restore', path(asset))));
  await reload(queries);
  report(`${count(assets.length, 'video')} restored.`, problems);
}

/** Deletes videos for good that were deleted before. */
export async function purgeVideos(queries: QueryClient, assets: readonly Asset[]): Promise<void> {
  forget(queries, new Set(assets.map(({ id }) => id)));
  const problems = await each(assets, ({ id }) => {
    const params = { path: { asset_id: id }, query: { permanent: true } };
    return call(http.DELETE('/api/v1/assets/{asset_id}', { params }));
  });
  await reload(queries);
  report(`${count(assets.length, 'video')} deleted for good.`, problems);
}

/** Tries the jobs of videos again that failed. */
export async function retryVideos(queries: QueryClient, assets: readonly Asset[]): Promise<void> {
  const jobs = assets.flatMap(({ job_id }) => (job_id ? [job_id] : []));
  const problems = await each(jobs, (job_id) =>
    call(http.POST('/api/v1/jobs/{job_id}/retry', { params: { path: { job_id } } })),
  );
  await reload(queries);
  report(`${count(jobs.length, 'video')} on the way again.`, problems);
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
