import { createFileRoute } from '@tanstack/react-router';
import { Forgot } from '../../features/enter/by-mail';

export const Route = createFileRoute('/forgot')({ component: Forgot });
