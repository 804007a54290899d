import { useQuery } from '@tanstack/react-query';
import { answered } from '../api/answered';
import { http } from '../api/client';
import { cn } from '../ui/cn';

interface OrganizationMarkProps {
  organization: { id: string; name: string; logo_digest: string | null };
  large?: boolean;
}

/** An organization's logo; where it has none, the letter that it begins with. Its name stands beside it. */
export function OrganizationMark({ organization: { id, name, logo_digest }, large = false }: OrganizationMarkProps) {
  const { data: picture } = useQuery({
    queryKey: ['logo', id, logo_digest],
    queryFn: () => logoOf(id),
    enabled: logo_digest !== null,
    staleTime: Number.POSITIVE_INFINITY,
  });
  const size = large ? 'size-16 rounded-xl text-3xl' : 'size-6 rounded-md text-[12px]';
  const box = cn('grid shrink-0 place-items-center overflow-hidden', size);
  if (logo_digest !== null && picture) return <img src={picture} alt="" className={cn(box, 'object-contain')} />;
  return (
    <span aria-hidden className={cn(box, 'bg-primary-soft font-semibold text-primary')}>
      {[...name.trim()][0]?.toUpperCase()}
    </span>
  );
}

async function logoOf(id: string): Promise<string> {
  const headers = { 'X-Organization': id };
  const picture = (await answered(http.GET('/api/v1/organization/logo', { headers, parseAs: 'blob' }))) as Blob;
  return asAddress(picture);
}

function asAddress(file: Blob): Promise<string> {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(String(reader.result));
    reader.onerror = () => reject(reader.error);
    reader.readAsDataURL(file);
  });
}
