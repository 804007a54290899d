import { Download as Icon } from 'lucide-react';
import type { MouseEvent } from 'react';
import { sayProblem } from '../../app/messages';
import { chosenOrganization, organizationHeader } from '../../app/organization';
import { Button } from '../../ui/button';

const KEPT_MS = 60_000; // for the browser to begin with what it was given

interface DownloadProps {
  path: string;
  label: string;
  /** What the file is called where it isn't the server that says so. */
  name: string;
}

/**
 * A file of the API's. The browser fetches it by itself; only where an organization was chosen, which a header names and
 * a link can't, it is fetched here first.
 */
export function Download({ path, label, name }: DownloadProps) {
  const fetchIt = (event: MouseEvent) => {
    if (!chosenOrganization()) return;
    event.preventDefault();
    save(path, name).catch(sayProblem);
  };
  return (
    <Button variant="ghost" size="icon-sm" asChild>
      <a href={path} download aria-label={label} title={label} onClick={fetchIt}>
        <Icon />
      </a>
    </Button>
  );
}

async function save(path: string, name: string): Promise<void> {
  const response = await fetch(path, { headers: organizationHeader() });
  if (!response.ok) throw await response.json();
  const url = URL.createObjectURL(await response.blob());
  Object.assign(document.createElement('a'), { href: url, download: name }).click();
  window.setTimeout(() => URL.revokeObjectURL(url), KEPT_MS);
}
