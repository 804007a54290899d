import { Link } from '@tanstack/react-router';
import type { JobSummary } from './words';

/** The way from a job to how its video is made. */
export function VideoLink({ job, title }: { job: Pick<JobSummary, 'asset_id'>; title: string }) {
  return (
    <Link
      to="/videos/$assetId"
      params={{ assetId: job.asset_id }}
      search={{ tab: 'processing' }}
      className="block truncate font-medium no-underline hover:underline"
      dir="auto"
    >
      {title}
    </Link>
  );
}
