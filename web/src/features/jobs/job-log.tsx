import { Failed, Loading } from '../../ui/states';
import { Logs } from '../video/logs';
import { useJob } from '../videos/status';

/** A job's log where the job is listed: of any kind, where a video's page shows that of its own job. */
export default function JobLog({ jobId }: { jobId: string }) {
  const found = useJob(jobId, true);
  if (found.isPending) return <Loading lines={3} />;
  if (found.isError) return <Failed error={found.error} onRetry={() => void found.refetch()} />;
  return <Logs job={found.data} />;
}
