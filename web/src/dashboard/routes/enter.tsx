import { createFileRoute } from '@tanstack/react-router';
import { Enter } from '../../features/enter/enter';

export const Route = createFileRoute('/enter')({
  validateSearch: (search: Record<string, unknown>): { next?: string } =>
    typeof search.next === 'string' ? { next: search.next } : {},
  component: () => <Enter next={Route.useSearch().next ?? '/'} />,
});
