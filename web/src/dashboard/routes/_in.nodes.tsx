import { createFileRoute } from '@tanstack/react-router';
import { Nodes } from '../../features/nodes/nodes';

export const Route = createFileRoute('/_in/nodes')({ component: Nodes });
