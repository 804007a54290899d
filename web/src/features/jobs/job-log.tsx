import { instead } from '../../api/problem';
import { Failed, Loading } from '../../ui/states';
import { Logs } from '../video/logs';
import { useJob } from '../videos/status';

/** A job's log where the job is listed: of any kind, where a video's page shows that of its own job. */
export default function JobLog({ jobId }: { jobId: string }) {
  const found = useJob(jobId, true);
  const wrong = instead(found);
  if (wrong) return <Failed error={wrong} onRetry={() => void found.refetch()} />;
  if (!found.data) return <Loading lines={3} />;
  return <Logs job={found.data} />;
}
