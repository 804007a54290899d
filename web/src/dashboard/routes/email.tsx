import { createFileRoute } from '@tanstack/react-router';
import { NewEmail } from '../../features/enter/by-mail';

export const Route = createFileRoute('/email')({ component: NewEmail });
