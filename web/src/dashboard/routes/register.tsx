import { createFileRoute } from '@tanstack/react-router';
import { Register } from '../../features/enter/register';

export const Route = createFileRoute('/register')({ component: Register });
