import { createFileRoute } from '@tanstack/react-router';
import { Invitation } from '../../features/enter/invitation';

export const Route = createFileRoute('/invitation')({ component: Invitation });
