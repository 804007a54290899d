import { createFileRoute } from '@tanstack/react-router';
import { Reset } from '../../features/enter/by-mail';

export const Route = createFileRoute('/reset')({ component: Reset });
