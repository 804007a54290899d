import { createFileRoute } from '@tanstack/react-router';
import { Enter } from '../../features/enter/enter';

interface Search {
  next?: string;
  problem?: string;
}

export const Route = createFileRoute('/enter')({
  validateSearch: ({ next, problem }: Record<string, unknown>): Search => ({
    ...(typeof next === 'string' ? { next } : {}),
    ...(typeof problem === 'string' ? { problem } : {}),
  }),
  component: () => <Enter {...Route.useSearch()} />,
});
