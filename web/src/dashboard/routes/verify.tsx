import { createFileRoute } from '@tanstack/react-router';
import { Verify } from '../../features/enter/by-mail';

export const Route = createFileRoute('/verify')({ component: Verify });
