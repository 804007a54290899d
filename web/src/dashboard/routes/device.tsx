import { createFileRoute } from '@tanstack/react-router';
import { Device } from '../../features/enter/device';

export const Route = createFileRoute('/device')({ component: Device });
