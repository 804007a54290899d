import { createFileRoute } from '@tanstack/react-router';
import { Missing } from '../fallbacks';

// Whatever else is asked for: there is no such page, but everything around it.
export const Route = createFileRoute('/_in/$')({ component: Missing });
